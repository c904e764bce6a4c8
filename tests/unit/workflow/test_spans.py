"""The spans of a sampled run: one for each step that has ended, one for the run."""

from typing import Any

from services.workflow.batch import Batch
from services.workflow.core.commands import Command, Control, Found, Result, Sought, Start
from services.workflow.core.policy import turn_of
from services.workflow.core.state import Run
from services.workflow.slots import Slot, new_row
from services.workflow.spans import Spans
from stretto.contracts.failures import Failure
from stretto.contracts.graph import Cache, Graph
from stretto.contracts.public import ControlRequest
from stretto.telemetry.trace_ids import run_span_id, step_span_id
from tests.unit.workflow.builders import RUN_ID, START_US, graph, task, undoable

CALLER = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"


class Recorder:
    """Keeps what is recorded."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Any, bytes, dict[str, Any]]] = []

    def record(self, name: str, parent: Any, span_id: bytes, **more: Any) -> None:
        self.spans.append((name, parent, span_id, more))


def recorded(plan: Graph, *commands: Command) -> Recorder:
    run = Run(RUN_ID, plan)
    slot = Slot(run, new_row(RUN_ID, "default", "wf", 1, START_US), 4, stored=False)
    tracer = Recorder()
    spans = Spans(tracer)  # type: ignore[arg-type]
    start = Start(namespace="default", input=b"{}", traceparent="t", caller_traceparent=CALLER)
    batch = Batch()
    batch.now_us = START_US
    for command in (start, *commands):
        batch.run(slot, command)
    spans.record(slot, batch.touched[RUN_ID].written)
    return tracer


def test_a_step_and_its_run_are_spans_in_one_trace() -> None:
    tracer = recorded(graph(task("a")), Result(path="a", attempt=1, output=b"1"))

    (step, run) = tracer.spans
    assert (step[0], step[2]) == ("step a", step_span_id(RUN_ID, "a"))
    assert step[1].trace_id == RUN_ID and step[1].span_id == run_span_id(RUN_ID)
    assert step[3]["error"] is None
    assert (run[0], run[2]) == ("run wf", run_span_id(RUN_ID))
    [link] = run[3]["links"]
    assert link.trace_id == bytes.fromhex("ab" * 16)


def test_what_failed_says_why_and_a_compensation_is_inside_its_step() -> None:
    boom = Failure(type="Boom", message="it broke", retryable=False)
    tracer = recorded(
        graph(undoable("a"), task("b", needs=(0,)), on_failure="compensate"),
        Result(path="a", attempt=1),
        Result(path="b", attempt=1, failure=boom),
        Result(path="a~compensate", attempt=1),
    )

    names = [(name, more["error"]) for name, _, _, more in tracer.spans]
    assert names == [
        ("step a", None), ("step b", "Boom: it broke"),
        ("step a", None), ("run wf", "Boom: it broke"),
    ]  # fmt: skip
    assert tracer.spans[2][1].span_id == step_span_id(RUN_ID, "a")


def test_a_run_that_was_terminated_is_a_span_with_an_error() -> None:
    request = ControlRequest(command="terminate", reason="enough")
    tracer = recorded(graph(task("a")), Control(request=request))

    assert tracer.spans[-1][3]["error"] == "Cancelled: enough"


def test_a_step_that_the_run_went_back_behind_in_the_same_commit_is_no_span() -> None:
    request = ControlRequest(command="skip", step="a")
    run = Run(RUN_ID, graph(task("a")))
    slot = Slot(run, new_row(RUN_ID, "default", "wf", 1, START_US), 4, stored=False)
    batch = Batch()
    batch.run(slot, Start(namespace="default", input=b"{}", traceparent="t"))
    batch.run(slot, Control(request=request))
    run.nodes.clear()
    tracer = Recorder()

    Spans(tracer).record(slot, batch.touched[RUN_ID].written)  # type: ignore[arg-type]

    assert [name for name, _, _, _ in tracer.spans] == ["run wf"]


def test_a_step_that_reused_says_of_which_run() -> None:
    plan = graph(task("a", cache=Cache(for_s=60.0, key="k")))
    found = Found(output=b"1", run="r", step="b", at_us=START_US)
    sought = Sought(path="a", turn=turn_of(2, START_US), task="do.a", found=found)
    tracer = recorded(plan, sought)

    assert tracer.spans[0][3]["attributes"]["stretto.reused_from"] == "r"
