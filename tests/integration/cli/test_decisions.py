"""Decision tables and switches from the outside: run, asked why, counted."""

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from ..running import Dev

FEES = """
workflow: fees
input:
  type: object
  required: [total, region]
  properties:
    total: {type: integer, minimum: 0}
    region: {enum: [eu, us, asia]}
steps:
  fee:
    decide:
      inputs: {total: input.total, region: input.region}
      rules:
        - {when: {total: "< 100", region: "eu, us"}, then: {fee: 5}}
        - {when: {total: ">= 100", region: not(asia)}, then: {fee: "${{ inputs.total * 2 }}"}}
        - {when: {total: "${{ value % 2 == 0 }}", region: asia}, then: {fee: 77}}
      otherwise: {fee: 20}
  way:
    switch:
      - {if: "steps.fee.output.fee > 50 && input.region == 'asia'", then: air}
      - {else: post}
  air: {task: std.echo, with: {by: air}}
  post: {task: std.echo, with: {by: post}}
  all:
    for_each: [1, 150]
    decide:
      inputs: {n: item}
      hit: collect sum
      rules: [{when: {n: "> 0"}, then: 1}, {when: {n: "> 100"}, then: 10}]
output: {fee: "${{ steps.fee.output.fee }}", all: "${{ steps.all.output }}"}
"""


@pytest.fixture
def runs(dev: Dev, tmp_path: Path) -> list[str]:
    """Runs of `fees`: 150 to the us, 8 to asia, 7 to asia."""
    file = tmp_path / "fees.yaml"
    file.write_text(FEES)
    totals = ((150, "us"), (8, "asia"), (7, "asia"))
    found = dev.runs(file, "fees", *({"total": t, "region": region} for t, region in totals))
    assert [run["output"]["fee"] for run in found] == [300, 77, 20]
    assert all(run["output"]["all"] == [1, 11] for run in found)
    return [str(run["run_id"]) for run in found]


def get(dev: Dev, path: str) -> Any:
    with urllib.request.urlopen(dev.ready["http"] + path, timeout=10) as answer:
        return json.loads(answer.read())


def test_a_table_is_explained_rule_by_rule(dev: Dev, runs: list[str]) -> None:
    said = dev.call("explain", runs[1], "--step", "fee").stdout
    for line in (
        "fee: a decision of fees v",
        "  total = 8   (input.total)",
        '  region = "asia"   (input.region)',
        "* rules[2] fits",
        "  rules[0]: region does not fit `eu, us`",
        "  rules[1]: total does not fit `>= 100`; region does not fit `not(asia)`",
        '→ output {"fee":77}',
        " decisions of this instance; inputs are asked in this order:",
    ):
        assert line in said, (line, said)
    told = dev.json("explain", runs[0], "--step", "fee")
    assert told["asked"]["outcome"]["rules"] == told["explained"]["rules"] == [1]
    assert [r["number"] for r in told["explained"]["table"]["rules"] if r["fits"]] == [1]
    assert "* otherwise: no rule fits" in dev.call("explain", runs[2], "--step", "fee").stdout


def test_a_switch_is_explained_case_by_case(dev: Dev, runs: list[str]) -> None:
    said = dev.call("explain", runs[1], "--step", "way").stdout
    assert "* case 0: if steps.fee.output.fee > 50 && input.region == 'asia'  →  true" in said
    assert "      steps.fee.output.fee = 77" in said
    assert "  case 1: else  →  not asked: case 0 fits" in said
    assert "→ case 0" in said
    other = get(dev, f"/api/v1/runs/{runs[0]}/decision?step=way")
    assert other["explained"]["branch"] == other["asked"]["outcome"]["branch"] == 1
    assert other["explained"]["cases"][0]["condition"]["result"] is False
    assert "→ output" in dev.call("explain", runs[0], "--step", "output").stdout
    assert "rules[0] fits" in dev.call("explain", runs[0], "--step", "all[1]").stdout
    assert "→ 2 items" in dev.call("explain", runs[0], "--step", "all").stdout
    assert "air: task, skipped" in dev.call("explain", runs[0], "--step", "air").stdout
    nothing = dev.call("explain", runs[0], "--step", "nobody", expect=2)
    assert "expected 'nobody' to be a step of fees v" in nothing.stderr


BROKEN = """\
workflow: shares
input: {type: object, properties: {total: {type: integer}, parts: {type: integer}}}
steps:
  share:
    set: {each: "${{ input.total / input.parts }}"}
"""


def test_what_cannot_be_worked_out_is_shown_in_the_definition(dev: Dev, tmp_path: Path) -> None:
    file = tmp_path / "shares.yaml"
    file.write_text(BROKEN)
    dev.call("apply", str(file))
    said = dev.json("start", "shares", "-i", "total=12", "-i", "parts=0", "--wait", expect=1)
    message = said["failure"]["message"]
    assert "(input.total = 12, input.parts = 0)" in message
    assert "at 1:13 of `input.total / input.parts` [division_by_zero]" in message
    told = dev.call("explain", said["run_id"], "--step", "share").stdout.splitlines()
    assert told[-3].startswith("  line 5, column 34 of shares v")
    assert told[-2] == f"     5 | {BROKEN.splitlines()[4]}"
    assert told[-2][len(told[-1]) - 1] == "/"


def test_outcomes_are_counted_by_step_and_version(dev: Dev, runs: list[str]) -> None:
    version = str(dev.json("definitions", "fees")["version"])
    deadline = time.monotonic() + 30
    while True:
        found = dev.json("stats", "fees", "--decisions", "--version", version)["decisions"]
        steps = {each["step"]: each for each in found}
        if steps.keys() == {"fee", "way", "all[]"} and steps["way"]["count"] >= len(runs):
            break
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    fee, every = steps["fee"], steps["all[]"]
    assert fee["outcomes"].keys() == {"rules[1]", "rules[2]", "none"}
    assert sum(fee["shares"].values()) == pytest.approx(1, abs=0.001)
    assert fee["p99_ms"] >= fee["p50_ms"] > 0
    assert sum(fee["hours"][-1]["outcomes"].values()) > 0
    assert every["outcomes"]["rules[0]"] == 2 * every["outcomes"]["rules[1]"]
    shown = dev.call("stats", "--decisions").stdout
    assert "all[]" in shown
    assert "rules[1]" in shown
    over_http = get(dev, f"/api/v1/decisions?workflow=fees&step=way&version={version}")
    assert [each["step"] for each in over_http["decisions"]] == ["way"]
    assert "fees" in dev.call("stats").stdout
