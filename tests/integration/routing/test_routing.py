"""Attempts go to devices that fit; what a device does not finish, another one does."""

import csv
import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from ..running import Dev
from .conftest import Fleet, kill_service

SCAN = """\
workflow: {name}
input: {{type: object, properties: {{site: {{type: string}}, items: {{type: array}}}}}}
steps:
  read:
    for_each: ${{{{ input.items }}}}
    task: route.read
    with: {{n: "${{{{ item }}}}"}}
    retry: {{max_attempts: 4, interval: 50ms}}
    route:
      where: ${{{{ 'scanner' in device.capabilities && device.attributes.site == input.site }}}}
      prefer: {prefer}
      otherwise: {otherwise}
output: ${{{{ steps.read.output }}}}
"""


def begin(
    dev: Dev, folder: Path, name: str, items: int, *, site: str, prefer: str = "least_loaded",
    otherwise: str = "[{wait: 20s}, {fail: no scanner here}]",
) -> str:  # fmt: skip
    """Register the workflow and start a run of it; its id."""
    file = folder / "scan.yaml"
    file.write_text(SCAN.format(name=name, prefer=prefer, otherwise=otherwise))
    dev.call("apply", str(file))
    given = ["-i", f"site={site}", "-i", f"items={json.dumps(list(range(items)))}"]
    return dev.call("start", name, *given).stdout.strip()


def history(dev: Dev, run: str, expect: int = 0) -> list[dict[str, Any]]:
    dev.call("watch", run, expect=expect)
    found: list[dict[str, Any]] = dev.json("history", run)["events"]
    return found


def outputs(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = events[-1]["data"]["output"]
    return found


def test_attempts_go_to_those_that_fit_and_the_log_says_why(
    dev: Dev, fleet: Fleet, tmp_path: Path
) -> None:
    fleet.start("rn-1", site="r-north")
    fleet.start("rn-2", site="r-north")
    fleet.start("rs-1", site="r-south")

    events = history(dev, begin(dev, tmp_path, "route-fit", 12, site="r-north"))

    by = Counter(output["by"] for output in outputs(events))
    assert set(by) == {"rn-1", "rn-2"} and sum(by.values()) == 12
    bound = [e["data"] for e in events if e["type"] == "step.bound"]
    assert len(bound) == 12
    ranked = bound[0]["ranked"]
    assert (ranked["knowing"], ranked["fitting"]) == (3, 2)
    assert {c["device"] for c in ranked["candidates"]} == {"rn-1", "rn-2"}
    assert ranked["refused"] == {"device.attributes.site is not as asked": 1}


def test_a_device_killed_under_load_is_replaced_and_nothing_is_lost(
    dev: Dev, fleet: Fleet, tmp_path: Path
) -> None:
    fleet.start("rk-1", site="r-kill", seconds=0.3)
    fleet.start("rk-2", site="r-kill", seconds=0.3)
    run = begin(dev, tmp_path, "route-kill", 30, site="r-kill")
    fleet.until(lambda: any(
        e["type"] == "step.completed" and e["data"].get("worker") == "rk-1"
        for e in dev.json("history", run)["events"]
    ))  # fmt: skip

    fleet.kill("rk-1")

    events = history(dev, run)
    assert sorted(output["n"] for output in outputs(events)) == list(range(30))
    completed = Counter(e["step"] for e in events if e["type"] == "step.completed")
    assert set(completed.values()) == {1}
    moved = Counter(e["step"] for e in events if e["type"] == "step.bound")
    again = [step for step, times in moved.items() if times > 1]
    assert again, "what rk-1 had was given to another"
    for step in again:
        last = [e["data"] for e in events if e["type"] == "step.bound" and e["step"] == step][-1]
        assert last["device"] == "rk-2"
    told = dev.call("explain", run, "--step", again[0]).stdout
    assert ": to rk-1 after" in told
    assert ": to rk-2 after" in told

    def counted() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = dev.json("stats", "route-kill", "--decisions")["decisions"]
        return found

    fleet.until(lambda: sum(each["count"] for each in counted()) >= sum(moved.values()))
    [route] = counted()
    assert (route["step"], route["kind"]) == ("read[]", "route")
    assert route["outcomes"].keys() == {"device rk-1", "device rk-2"}
    assert route["route"]["moved"] > 0
    over_time = dev.call("stats", "route-kill", "--decisions", "--by", "hour").stdout
    assert "device rk-2" in over_time
    assert "moved to another device" in dev.call("stats", "route-kill", "--decisions").stdout


def test_a_retry_goes_to_another_device_and_who_fails_often_is_set_aside(
    dev: Dev, fleet: Fleet, tmp_path: Path
) -> None:
    fleet.start("rb-bad", site="r-broken", broken=1)
    fleet.start("rb-good", site="r-broken")

    events = history(dev, begin(dev, tmp_path, "route-broken", 20, site="r-broken"))

    assert {output["by"] for output in outputs(events)} == {"rb-good"}
    failed = [e for e in events if e["type"] == "step.failed"]
    assert 0 < len(failed) < 20, "not every attempt has tried the broken one"
    for event in failed:
        after = [e for e in events if e["type"] == "step.bound" and e["step"] == event["step"]]
        assert [e["data"]["device"] for e in after][:2] == ["rb-bad", "rb-good"]


def test_a_device_that_was_set_aside_is_tried_again_and_comes_back(
    dev: Dev, fleet: Fleet, tmp_path: Path
) -> None:
    repaired = tmp_path / "repaired"
    fleet.start("rg-good", site="r-gentle", slots=1)
    fleet.start("rg-bad", site="r-gentle", broken_until=repaired, slots=8)
    events = history(dev, begin(dev, tmp_path, "route-gentle", 12, site="r-gentle"))
    assert {output["by"] for output in outputs(events)} == {"rg-good"}
    bound = [e["data"]["ranked"] for e in events if e["type"] == "step.bound"]
    assert any(r.get("refused", {}).get("set aside after failures") for r in bound)

    repaired.touch()

    def served() -> set[str]:
        found = history(dev, begin(dev, tmp_path, "route-gentle", 2, site="r-gentle"))
        return {output["by"] for output in outputs(found)}

    fleet.until(lambda: "rg-bad" in served())


def test_nobody_fits_and_the_ways_out_are_taken(dev: Dev, fleet: Fleet, tmp_path: Path) -> None:
    fleet.start("rq-1", queue="r-manual", site="elsewhere")
    queued = begin(dev, tmp_path, "route-queue", 2, site="r-none", otherwise="[{queue: r-manual}]")
    events = history(dev, queued)
    assert [output["by"] for output in outputs(events)] == ["rq-1", "rq-1"]
    diverted = [e["data"] for e in events if e["type"] == "step.diverted"]
    assert [way["queue"] for way in diverted] == ["r-manual", "r-manual"]
    told = dev.call("explain", queued, "--step", "read[0]").stdout
    assert ": to queue r-manual, because no device fits, after" in told
    assert "× device.attributes.site is not as asked" in told

    failing = begin(
        dev, tmp_path, "route-fail", 1, site="r-none", otherwise="[{wait: 100ms}, {fail: no way}]"
    )
    events = history(dev, failing, expect=1)
    failures = [e["data"]["failure"] for e in events if e["type"] == "step.failed"]
    assert failures[0]["type"] == "NoDevice"
    assert "no way" in failures[0]["message"]
    assert "device.attributes.site is not as asked" in failures[0]["message"]

    waiting = begin(dev, tmp_path, "route-wait", 1, site="r-late")
    fleet.start("rl-1", site="r-late")
    assert [output["by"] for output in outputs(history(dev, waiting))] == ["rl-1"]


def test_sticky_keeps_to_one_device(dev: Dev, fleet: Fleet, tmp_path: Path) -> None:
    for number in range(3):
        fleet.start(f"ry-{number}", site="r-sticky", slots=8)
    run = begin(dev, tmp_path, "route-sticky", 8, site="r-sticky", prefer="sticky(input.site)")
    assert len({output["by"] for output in outputs(history(dev, run))}) == 1


def test_what_a_device_has_is_found_again_when_execution_was_killed(
    dev: Dev, fleet: Fleet, tmp_path: Path
) -> None:
    fleet.start("rx-1", site="r-restart", seconds=4, slots=4)
    run = begin(dev, tmp_path, "route-restart", 4, site="r-restart")
    fleet.until(lambda: sum(
        e["type"] == "step.started" for e in dev.json("history", run)["events"]
    ) == 4)  # fmt: skip

    kill_service(dev, "execution")

    events = history(dev, run)
    assert sorted(output["n"] for output in outputs(events)) == list(range(4))
    started = Counter(e["step"] for e in events if e["type"] == "step.completed")
    assert set(started.values()) == {1}


def test_a_route_is_explained_afterwards_and_while_it_waits(
    dev: Dev, fleet: Fleet, tmp_path: Path
) -> None:
    fleet.start("re-1", site="r-explained")
    run = begin(dev, tmp_path, "route-explained", 1, site="r-explained")
    history(dev, run)
    lines = dev.call("explain", run, "--step", "read[0]").stdout.splitlines()
    assert lines[0].startswith("read[0]: ")
    assert any(line.startswith("  where 'scanner' in device.capabilities") for line in lines)
    assert any("× device.attributes.site is not as asked" in line for line in lines) or (
        any(re.fullmatch(r"  \d+ present, 1 know the task, 1 fit", line) for line in lines)
    )
    assert any(line.startswith("* re-1: ") for line in lines), lines
    assert any(line.startswith("→ completed after ") for line in lines), lines
    told = dev.json("explain", run, "--step", "read[0]")
    assert told["route"]["bindings"][0]["device"] == "re-1"

    waiting = begin(dev, tmp_path, "route-waiting", 1, site="r-nowhere")

    def sentence() -> str:
        pending: list[dict[str, Any]] = dev.json("explain", waiting)["pending"]
        return " ".join(cause["sentence"] for cause in pending)

    fleet.until(lambda: "it waits for a device that fits" in sentence())
    fleet.until(lambda: "device.attributes.site is not as asked" in sentence())
    lines = dev.call("explain", waiting, "--step", "read[0]").stdout.splitlines()
    assert any("attempt 1: it waits for a device that fits" in line for line in lines), lines
    dev.call("cancel", waiting)


def test_choices_are_exported_with_what_was_known_and_what_came_of_them(
    dev: Dev, fleet: Fleet, tmp_path: Path
) -> None:
    fleet.start("rt-1", site="r-export")
    history(dev, begin(dev, tmp_path, "route-export", 5, site="r-export", prefer="learned"))
    export = ("decisions", "export", "-w", "route-export", "--since", "1h")
    dev.eventually(*export, until="rt-1")  # it looks for the run where projections are
    told = dev.call(*export).stdout
    rows = list(csv.DictReader(io.StringIO(told)))
    assert [row["device"] for row in rows] == ["rt-1"] * 5
    assert {row["outcome"] for row in rows} == {"completed"}
    assert {row["strategy"] for row in rows} == {"learned"}
    assert all(float(row["load"]) >= 0 and float(row["slots"]) > 0 for row in rows)
    file = tmp_path / "choices.parquet"
    dev.call("decisions", "export", "--format", "parquet", "-o", str(file), "--step", "none")
    assert file.stat().st_size > 0
    dev.call("decisions", "export", "-o", str(tmp_path / "choices.csv"), "--limit", "1")
