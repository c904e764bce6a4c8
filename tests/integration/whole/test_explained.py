"""Why a run is open, who could do what, how far it is: as a person reads it."""

from __future__ import annotations

import time
from typing import Any

import httpx

from .conftest import WITHIN_S, Whole

WAITING = """
workflow: whole-waiting
steps:
  unknown: {task: whole.nobody-knows}
  lonely: {task: whole.echo, queue: whole-empty, timeout: {queue: 1h}}
  told: {signal: go}
  asked: {approval: {by: [ops]}}
  timer: {wait: {for: 1h}}
"""

SLOW = """
workflow: whole-slow
steps:
  first: {task: whole.echo, queue: whole}
  slow: {needs: first, task: whole.slow, queue: whole, with: {seconds: "${{ input.seconds }}"}}
  last: {needs: slow, task: whole.echo, queue: whole}
"""


def by_step(whole: Whole, run: str) -> dict[str, dict[str, Any]]:
    return {cause["step"]: cause for cause in whole.state(run)["pending"]}


def eventually_running(whole: Whole, run: str, step: str) -> dict[str, Any]:
    """Wait until a worker says that it runs a step."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        cause = by_step(whole, run).get(step, {})
        if "running_since" in cause and (cause.get("progress") or 0) > 0:
            return cause
        assert time.monotonic() < deadline, cause
        time.sleep(0.2)


def test_every_cause_says_what_it_is_and_what_will_wake_it(whole: Whole) -> None:
    run = whole.start(WAITING)
    whole.waits(run, "attempt", "attempt", "signal", "approval", "timer")

    causes = by_step(whole, run)
    said = whole.dev.call("explain", run).stdout
    queues = whole.dev.eventually("queues", until="Nobody does 'whole.nobody-knows'")

    assert "knows the task 'whole.nobody-knows'" in causes["unknown"]["sentence"]
    assert "It has no timeout: nothing but its result ends it." in causes["unknown"]["sentence"]
    assert "no worker is present on queue 'whole-empty'" in causes["lonely"]["sentence"]
    assert "At the latest at" in causes["lonely"]["sentence"]
    assert causes["told"]["remedy"] == "`stretto signal RUN go` sends it."
    assert causes["timer"]["until"] > causes["timer"]["since"]
    assert "without a limit" in said and "to go" in said
    assert "on queue 'whole-empty' (none is there)" in queues
    whole.dev.call("terminate", run)


def test_who_runs_an_attempt_and_how_far_it_is(whole: Whole) -> None:
    run = whole.start(SLOW, seconds=60)
    cause = eventually_running(whole, run, "slow")
    shown = whole.dev.call("show", run).stdout

    assert cause["worker"] in cause["sentence"]
    assert "its last sign of life came" in cause["sentence"]
    assert "% done, 'part " in cause["sentence"]
    assert "slow " in shown and "% done" in shown
    whole.dev.call("skip", run, "slow", "--reason", "too slow")
    events = whole.ended(run)
    [skipped] = [e["data"] for e in events if e.get("data", {}).get("reason") == "by_request"]
    assert skipped["why"] == "too slow"


def test_the_time_left_is_learnt_from_past_runs(whole: Whole) -> None:
    whole.ended(whole.start(SLOW, seconds=2))
    run = whole.start(SLOW, seconds=20)
    eventually_running(whole, run, "slow")

    with httpx.Client(base_url=whole.dev.ready["http"]) as http:
        far = http.get(f"/api/v1/runs/{run}/progress").json()

    assert far["past_runs"] >= 1
    assert 0 < far["progress"] < 1
    assert 1_000 < far["left_ms"] < 60_000
    steps = {step["step"]: step for step in far["steps"]}
    assert steps["first"]["progress"] == 1
    assert 0 < steps["slow"]["progress"] < 1
    assert steps["last"]["status"] == "pending"
    assert steps["slow"]["weight"] > steps["first"]["weight"]
    assert "left (by" in whole.dev.call("show", run).stdout
    whole.dev.call("cancel", run)


def test_refusals_have_a_code_and_a_remedy_everywhere(whole: Whole) -> None:
    run = whole.start("workflow: whole-one\nsteps:\n  a: {task: whole.echo, queue: whole}\n")
    whole.ended(run)

    refused = whole.dev.call("pause", run, expect=2).stderr
    unknown = whole.dev.call("cancel", "01a2042f-94ec-713c-9ece-d0e079461e01", expect=2).stderr
    with httpx.Client(base_url=whole.dev.ready["http"]) as http:
        problem = http.post(f"/api/v1/runs/{run}/control", json={"command": "pause"})

    assert "to be open, but it is completed" in refused
    assert "`stretto show RUN`" in refused
    assert "`stretto list`" in unknown
    assert problem.status_code == 409
    assert problem.json()["code"] == "run_closed"
    assert "stretto show RUN" in problem.json()["remedy"]


def test_a_failed_run_is_retried_and_listed_as_open_again(whole: Whole) -> None:
    run = whole.start("workflow: whole-bad\nsteps:\n  a: {task: whole.fail, queue: whole}\n")
    whole.ended(run, expect=1)
    again = whole.dev.json("retry", run, "--reason", "once more")
    assert again == {"run_id": run, "command": "retry"}
    events = whole.ended(run, expect=1)
    [back] = [e["data"] for e in events if e["type"] == "run.rewound"]
    assert back["reason"] == "once more"
    assert [e["type"] for e in events].count("run.failed") == 2
