"""Where the attempts of a step with a route went, asked back from the log."""

import msgspec
import pytest

from services.workflow.bindings import bindings_of
from services.workflow.core import commands as cm
from services.workflow.core.effects import Timer
from services.workflow.rows import StoredEvent
from stretto.bus.service import Refusal
from stretto.contracts import events as ev
from stretto.contracts.asks import Ask
from stretto.contracts.bindings import Bindings
from stretto.contracts.codec import json_encode
from stretto.contracts.graph import Retry, TaskPlan
from stretto.contracts.ids import run_id_text
from stretto.contracts.routes import Candidate, Ranked, RoutePlan
from tests.unit.workflow.builders import Story, graph, task

ROUTE = Ask(plan=json_encode(RoutePlan(where="true")))
ROUTED = task("a", task=TaskPlan(name="scan", route=ROUTE), retry=Retry(max_attempts=3))
RANKED = Ranked(candidates=[Candidate(device="d1", score=1.0, why="it fits")], fitting=1)


def bound(story: Story, device: str) -> None:
    story.now_us += 5_000
    attempt = story.run.nodes["a"].attempt
    story.give(cm.Bound(path="a", attempt=attempt, device=device, ranked=json_encode(RANKED)))


def told(story: Story, step: str = "a") -> Bindings:
    events = [
        StoredEvent(seq, event.type, at_us, json_encode(event)) for seq, at_us, event in story.log
    ]
    return bindings_of(story.run, step, events)


def test_an_attempt_without_a_device_is_named() -> None:
    story = Story(graph(ROUTED, task("b")))
    found = told(story)
    assert (found.task, found.bindings) == ("scan", [])
    assert found.waiting == f"{run_id_text(story.run.id)}:a:1"
    assert msgspec.json.decode(found.plan, type=RoutePlan).where == "true"


def test_a_queue_in_the_place_of_a_device_is_told_with_what_became_of_it() -> None:
    story = Story(graph(ROUTED, task("b")))
    story.now_us += 5_000
    story.give(cm.Bound(path="a", attempt=1, device="", queue="manual", ranked=b'{"present":3}'))
    found = told(story)
    [way] = found.bindings
    assert (way.device, way.queue, way.waited_ms, way.ranked.present) == ("", "manual", 5.0, 3)
    assert found.waiting is None, "it waits for a worker of the queue"
    story.complete("a")
    assert told(story).bindings[0].ended == "step.completed"


def test_each_binding_is_told_with_what_became_of_it() -> None:
    story = Story(graph(ROUTED, task("b")))
    story.complete("b")
    bound(story, "d1")
    bound(story, "d2")
    story.now_us += 7_000
    story.fail("a")
    timer = story.last(Timer)
    assert isinstance(timer, Timer)
    story.fire(timer)
    bound(story, "d3")
    story.complete("a")

    found = told(story)
    assert [(b.attempt, b.device, b.ended) for b in found.bindings] == [
        (1, "d1", None), (1, "d2", "step.failed"), (2, "d3", "step.completed"),
    ]  # fmt: skip
    first, second, third = found.bindings
    assert (first.waited_ms, second.waited_ms, third.waited_ms) == (5.0, 10.0, 5.0)
    assert (second.took_ms, third.took_ms) == (7.0, 0.0)
    assert second.failure is not None and second.failure.type == "Boom"
    assert third.ranked == RANKED
    assert found.waiting is None


def test_a_failure_without_a_device_is_told_as_well() -> None:
    story = Story(graph(ROUTED))
    bound(story, "d1")
    story.fail("a")
    timer = story.last(Timer)
    assert isinstance(timer, Timer)
    story.fire(timer)
    story.now_us += 9_000
    story.fail("a", "NoDevice", retryable=False)
    first, nowhere = told(story).bindings
    assert (first.device, first.ended) == ("d1", "step.failed")
    assert (nowhere.attempt, nowhere.device, nowhere.queue, nowhere.waited_ms) == (2, "", None, 9.0)
    assert nowhere.ended == "step.failed"
    assert nowhere.failure is not None and nowhere.failure.type == "NoDevice"


def test_what_is_cancelled_before_it_has_begun_was_no_attempt() -> None:
    events = [
        StoredEvent(seq, event.type, 1_000, json_encode(event))
        for seq, event in enumerate((ev.StepCancelled(step="a", reason="run_failing"),), 1)
    ]
    assert bindings_of(Story(graph(ROUTED)).run, "a", events).bindings == []


@pytest.mark.parametrize("step", ["b", "c"])
def test_a_step_without_a_route_has_no_bindings(step: str) -> None:
    with pytest.raises(Refusal, match="to have asked for a device") as refused:
        told(Story(graph(ROUTED, task("b"))), step)
    assert refused.value.code == "route_unknown"
