"""Decisions asked back from the log, and what tables do with payloads."""

from typing import Any

import msgspec
import pytest

from services.testing.tested_run import TestedRun
from services.testing.world import World
from services.workflow.core import Run, apply
from services.workflow.decisions import asked_decision, asking_seq
from services.workflow.resolving import uses_of
from services.workflow.rows import StoredEvent
from stretto.bus.service import Refusal
from stretto.contracts.asks import AskPlan, TableInput, TablePlan, TableRule
from stretto.contracts.codec import json_encode
from stretto.contracts.decisions import AskedDecision

DEFINITION = """\
workflow: w
input: {type: object, required: [x], properties: {x: {type: integer}}}
steps:
  skipped: {task: t, if: "false && input.x > 0"}
  fee:
    decide:
      inputs: {x: input.x}
      rules: [{when: {x: "< 10"}, then: {fee: 1}}, {when: {x: ">= 10"}, then: {fee: 2}}]
  each:
    for_each: [1, 2]
    switch:
      - {if: true, then: a}
  a: {task: t, with: {fee: "${{ steps.fee.output.fee }}"}}
output: {fee: "${{ steps.fee.output.fee }}", gone: "${{ steps.skipped.output }}"}
"""


def stored(run: TestedRun) -> list[StoredEvent]:
    return [
        StoredEvent(seq, event.type, at_us, json_encode(event))
        for seq, (at_us, event) in enumerate(run.log, 1)
    ]


def asked(run: TestedRun, step: str) -> AskedDecision:
    events = stored(run)
    seq = asking_seq(step, events)
    early, later = events[:seq], events[seq:]
    folded = Run(run.run.id, run.run.graph)
    for each in early:
        apply(folded, each.decoded(), each.seq, each.at_us)
    return asked_decision(folded, step, early[-1], later)


@pytest.fixture
def run() -> TestedRun:
    definition = DEFINITION.replace("    for_each: [1, 2]\n", "").replace("  each:", "  way:")
    return World(definition).start("w", {"x": 12})


def values(found: AskedDecision) -> list[Any]:
    return [msgspec.json.decode(value) for value in found.values]


def test_a_table_is_told_with_its_values_and_the_event_that_followed(run: TestedRun) -> None:
    found = asked(run, "fee")

    assert (found.kind, found.workflow, found.version, found.step) == ("decide", "w", 1, "fee")
    assert values(found) == [{"x": 12}]
    assert found.event == "step.completed"
    assert msgspec.json.decode(found.outcome) == {"step": "fee", "output": {"fee": 2}, "rules": [1]}
    assert found.took_ms == 0


def test_an_input_of_a_task_can_be_asked_for(run: TestedRun) -> None:
    found = asked(run, "a")

    assert (found.kind, found.event) == ("task", "step.scheduled")
    assert values(found) == [{"fee": 2}]


def test_the_output_of_the_run_can_be_asked_for(run: TestedRun) -> None:
    found = asked(run, "output")

    assert (found.kind, found.event) == ("output", "run.completed")
    assert values(found) == [{"fee": 2}, None]
    assert found.absent == [1]


def test_a_step_that_asked_nothing_is_refused(run: TestedRun) -> None:
    with pytest.raises(Refusal) as caught:
        asked(run, "nobody")

    assert caught.value.code == "decision_unknown"


def test_a_payload_too_large_is_looked_for_in_all_that_a_table_reads() -> None:
    plan = AskPlan(
        workflow="w",
        version=1,
        step="fee",
        paths=(("input",),),
        table=TablePlan(
            inputs=(TableInput(name="x", expression="input.x"),),
            rules=(
                TableRule(when={"x": "${{ value in input.list }}"}, then=msgspec.Raw(b"1")),
                TableRule(when={"x": "< 3"}, then=msgspec.Raw(b'"${{ input.image }}"')),
            ),
            otherwise=msgspec.Raw(b'"${{ input.other }}"'),
        ),
    )

    uses = uses_of(json_encode(plan))

    assert {r for p in uses.read for r in p.references} >= {("input", "x"), ("input", "list")}
    written = [r for p in uses.written for r in p.references]
    assert written == [("input", "image"), ("input", "other")]
