"""Rollback, fork and migrate against real services: from the command line and over REST."""

import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..running import Dev

WITHIN_S = 30.0

GOES_BACK = """
workflow: goes-back
steps:
  a: {task: std.echo, with: {n: 1}, compensate: {task: std.echo, with: {undone: a}}}
  b: {needs: [a], task: std.echo, with: {n: 2}, compensate: {task: std.echo, with: {undone: b}}}
  gate: {needs: [b], signal: {name: go}}
"""

STUCK = """
workflow: stuck
on_failure: compensate
steps:
  a:
    task: std.echo
    with: {n: 1}
    compensate: {task: std.fail, with: {type: Jammed, message: no way back}}
  b: {needs: [a], task: std.fail, with: {type: Broken, message: no luck}}
"""

ONE = """
workflow: moves
steps:
  a: {task: std.echo, with: {n: 1}}
  gate: {needs: [a], signal: {name: go}}
output: {n: "${{ steps.a.output.n }}"}
"""

TWO = ONE.replace("output:", "  more: {needs: [gate], task: std.echo, with: {n: 2}}\noutput:")
GONE = "workflow: moves\nsteps:\n  other: {signal: {name: go}}\n"


@pytest.fixture
def apply(dev: Dev, tmp_path: Path) -> Callable[[str], int]:
    def applied(source: str) -> int:
        file = tmp_path / "w.yaml"
        file.write_text(source)
        version: int = dev.json("apply", str(file))["version"]
        return version

    return applied


def started(dev: Dev, workflow: str) -> str:
    run_id: str = dev.json("start", workflow)["run_id"]
    return run_id


def until(dev: Dev, run: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Explain a run until the answer is as wanted."""
    deadline = time.monotonic() + WITHIN_S
    while not wanted(found := dev.json("explain", run)):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return dict(found)


def waits_for(cause: str) -> Callable[[dict[str, Any]], bool]:
    return lambda found: [c["cause"] for c in found["pending"]] == [cause]


def ended(found: dict[str, Any]) -> bool:
    return found["status"] in ("completed", "failed", "cancelled")


def rest(dev: Dev, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{dev.ready['http']}/api/v1/{path}", data, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=WITHIN_S) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def test_a_run_is_rolled_back_paused_and_goes_on(dev: Dev, apply: Callable[[str], int]) -> None:
    apply(GOES_BACK)
    run = started(dev, "goes-back")
    until(dev, run, waits_for("signal"))
    done = dev.call("rollback", run, "a", "--pause", "--by", "ada", "--reason", "wrong n")
    assert "goes back" in done.stdout
    until(dev, run, waits_for("paused"))
    told = dev.call("history", run).stdout
    assert "goes back to the end of a by ada: wrong n" in told
    assert "undoes b" in told
    dev.call("resume", run)
    until(dev, run, waits_for("signal"))
    dev.call("signal", run, "go")
    assert until(dev, run, ended)["status"] == "completed"


def test_a_compensation_that_failed_waits_for_a_person(
    dev: Dev, apply: Callable[[str], int]
) -> None:
    apply(STUCK)
    run = started(dev, "stuck")
    found = until(dev, run, waits_for("compensation_failed"))
    assert found["status"] == "blocked"
    said = dev.call("explain", run).stdout
    assert "could not be undone" in said and "no way back" in said
    assert run in dev.eventually("list", "--status", "blocked", until="blocked")
    dev.call("retry", run, "a")
    until(dev, run, waits_for("compensation_failed"))
    dev.call("skip", run, "a", "--reason", "done by hand")
    assert until(dev, run, ended)["status"] == "failed"
    assert "not undone: a" in dev.call("history", run).stdout


def test_a_run_is_forked_from_the_command_line_and_over_rest(
    dev: Dev, apply: Callable[[str], int]
) -> None:
    apply(GOES_BACK)
    run = started(dev, "goes-back")
    until(dev, run, waits_for("signal"))
    fork = dev.json("fork", run, "--step", "b", "--reason", "once more")["run_id"]
    until(dev, fork, waits_for("signal"))
    told = dev.call("history", fork).stdout
    assert f"begins where run {run}" in told and "taken over: a" in told
    again = rest(dev, f"runs/{run}/fork", {"at_seq": 1})
    until(dev, again["run_id"], waits_for("signal"))
    other = dev.json("fork", fork, "-i", "n=1")["run_id"]
    over = dev.json("fork", other, "-i", "m=2")["run_id"]
    assert dev.json("state", over)["input"] == {"n": 1, "m": 2}
    refused = dev.call("fork", run, "--at", "999", expect=2)
    assert "expected an event from 1 to" in refused.stderr
    for each in (run, fork, other, over, again["run_id"]):
        dev.call("terminate", each)


def test_runs_are_migrated_one_by_one_and_together(
    dev: Dev, apply: Callable[[str], int], tmp_path: Path
) -> None:
    first = apply(ONE)
    runs = [started(dev, "moves") for _ in range(3)]
    for run in runs:
        until(dev, run, waits_for("signal"))
    second = apply(TWO)

    dry = dev.call("migrate", runs[0], "--dry-run").stdout
    assert f"can follow version {second} (it follows {first})" in dry
    assert "step 'more' comes and will run" in dry
    assert f"follows version {second} now" in dev.call("migrate", runs[0]).stdout
    back = dev.call("migrate", runs[0], "--to", str(first), "--reason", "not yet").stdout
    assert f"follows version {first} now" in back
    for run in runs:
        dev.eventually("list", "moves", "--json", until=run)
    briefly = dev.json("migrate", runs[0][:-4], "--to", str(second), "--dry-run")
    assert (briefly["run_id"], briefly["possible"]) == (runs[0], True)
    unknown = dev.call("migrate", "moved", expect=2).stderr
    assert "expected workflow 'moved' to be registered" in unknown
    several = dev.call("migrate", runs[0][:4], expect=2).stderr
    assert "to mean one run" in several

    counted = dev.json("migrate", "moves", "--from", str(first), "--to", str(second), "--dry-run")
    assert (counted["migrated"], counted["kept"]) == (3, {})
    one = dev.json("migrate", "moves", "--to", str(second), "--limit", "1", "--by", "ada")
    assert one["migrated"] == 1
    rested = rest(dev, "definitions/moves/migrations", {"to_version": second, "by": "ada"})
    assert rested == {"migrated": 2, "to_version": second}

    third = apply(GONE)
    kept = dev.call("migrate", "moves", "--to", str(third), expect=1).stdout
    assert "step_vanished" in kept and "step 'a' has begun and would vanish" in kept
    looked = rest(dev, f"runs/{runs[0]}/migration?version={third}")
    assert not looked["possible"]
    refused = dev.call("migrate", runs[0], "--to", str(third), expect=2)
    assert "has begun and would vanish" in refused.stderr
    for run in runs:
        dev.call("signal", run, "go")
        assert until(dev, run, ended)["status"] == "completed"
        assert f"moved from version {first} to {second} by" in dev.call("history", run).stdout

    newest = tmp_path / "two.yaml"
    newest.write_text(TWO)
    [replayed] = dev.json("replay", str(newest), runs[1])["runs"]
    assert replayed["verdict"] == "same"
    [note] = replayed["notes"]
    assert f"it went over from version {first} to {second} at event" in note
