"""Runs of one key, from the command line."""

from pathlib import Path

from tests.integration.running import Dev

LIMITED = """\
workflow: one-at-a-time
input: {type: object, required: [customer]}
concurrency: {key: "${{ input.customer }}", limit: 1, when_full: queue}
labels: {team: billing}
steps:
  go:
    signal: go
    timeout: "${{ input.limit }}"
    labels: {risk: high, who: "${{ input.customer }}"}
"""


def test_a_run_that_waits_for_a_place_is_listed_explained_and_begins(
    dev: Dev, tmp_path: Path
) -> None:
    text = tmp_path / "limited.yaml"
    text.write_text(LIMITED)
    dev.call("apply", str(text))
    given = ("-i", "customer=ann", "-i", "limit=1h")

    first = dev.json("start", "one-at-a-time", *given)["run_id"]
    second = dev.json("start", "one-at-a-time", *given, "--label", "site=eu")["run_id"]

    assert second in dev.eventually("list", "--status", "queued", until=second)
    labelled = dev.json("list", "--label", "site=eu", "--label", "team=billing")["runs"]
    assert [run["run_id"] for run in labelled] == [second]
    assert "expected --label to be like" in dev.call("list", "--label", "eu", expect=2).stderr
    by_step = ("list", "--step-label", "risk=high", "--step-label", "who=ann")
    assert first in dev.eventually(*by_step, until=first)
    assert second not in dev.call(*by_step).stdout, "its step has not begun"
    assert "is labelled" in dev.call("history", first).stdout
    assert f"{first} has the place" in dev.call("explain", second).stdout
    assert "waits for a place for the key 'ann'" in dev.call("history", second).stdout
    dev.call("signal", first, "go")
    dev.eventually("explain", second, until="signal")
    dev.call("signal", second, "go")
    dev.eventually("show", second, until="completed")
    assert "is limited to total_s 3600.0" in dev.call("history", second).stdout
