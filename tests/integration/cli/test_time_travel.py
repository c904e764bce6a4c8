"""A run as it was, and two runs compared, from the command line."""

import json

import httpx

from ..running import Dev


def test_a_state_is_shown_as_of_an_event_an_instant_and_a_time_after_the_start(
    dev: Dev, sizes: list[str]
) -> None:
    run = sizes[0]
    now = dev.json("state", run)
    assert (now["status"], now["output"]) == ("completed", {"n": 5})
    events = dev.json("history", run)["events"]
    early = dev.json("state", run, "--at", "2")
    assert (early["seq"], early["status"], early["steps"][0]["status"]) == (
        2,
        "running",
        "deciding",
    )
    at = dev.json("state", run, "--at", events[1]["at"])
    assert at["seq"] >= 2
    assert dev.json("state", run, "--at", "+1d") == now
    assert dev.json("state", run, "--at", "+0s")["seq"] >= 1
    said = dev.call("state", run, "--at", "3").stdout
    assert "sizes v" in said
    assert "after event 3  running" in said
    assert "scheduled" in said


def test_an_instant_that_is_none_ends_with_2(dev: Dev, sizes: list[str]) -> None:
    for at in ("soon", "+soon", "1999-01-01T00:00:00Z"):
        assert "expected" in dev.call("state", sizes[0], "--at", at, expect=2).stderr


def test_runs_that_went_the_same_way_end_with_0(dev: Dev, sizes: list[str]) -> None:
    done = dev.call("diff-runs", sizes[0], sizes[1])
    assert "both went the same way" in done.stderr
    assert dev.json("diff-runs", sizes[0], sizes[1])["same"] is True


def test_runs_that_part_end_with_1_and_tell_where(dev: Dev, sizes: list[str]) -> None:
    said = dev.call("diff-runs", sizes[0], sizes[2], expect=1).stdout
    assert 'first difference: event 1, the run, input: {"total":5} | {"total":500}' in said
    assert "step size, branch" in said
    told = dev.json("diff-runs", sizes[0], sizes[2], expect=1)
    assert told["first"]["what"] == "input"
    found = [(d["step"], d["what"], d["left"], d["right"]) for d in told["differences"]]
    assert ("size", "branch", ["small"], ["large"]) in found
    assert ("large", "way", "skipped (not_chosen)", "completed") in found
    steps = {each["step"]: each for each in told["steps"]}
    assert steps["work"]["left"]["input"] == {"n": 5}
    assert json.dumps(steps["work"]["right"]["output"]) == '{"n": 500}'


def test_the_gateway_gives_a_state_as_of_an_event_and_an_instant(
    dev: Dev, sizes: list[str]
) -> None:
    url = f"{dev.ready['http']}/api/v1/runs/{sizes[0]}/state"
    events = dev.json("history", sizes[0])["events"]
    early = httpx.get(url, params={"at_seq": 2}).json()
    assert (early["seq"], early["status"]) == (2, "running")
    late = httpx.get(url, params={"at": events[-1]["at"]}).json()
    assert late["status"] == "completed"
    assert httpx.get(url, params={"at": "soon"}).json()["code"] == "request_invalid"
