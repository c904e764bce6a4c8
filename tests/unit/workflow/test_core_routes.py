"""The core: attempts with a route, and where they went."""

from services.workflow.core import commands as cm
from services.workflow.core.effects import Dispatch, Timer
from stretto.contracts import events as ev
from stretto.contracts.graph import Retry, TaskPlan
from tests.unit.workflow.builders import ASK, Story, graph, task

ROUTED = task("a", task=TaskPlan(name="scan", route=ASK), retry=Retry(max_attempts=3))


def bound(device: str, attempt: int = 1) -> cm.Bound:
    return cm.Bound(path="a", attempt=attempt, device=device, reason="it fits", ranked=b"{}")


def dispatched(story: Story) -> Dispatch:
    effect = story.last(Dispatch)
    assert isinstance(effect, Dispatch)
    return effect


def test_the_log_says_where_an_attempt_went_and_why() -> None:
    story = Story(graph(ROUTED)).give(bound("d1"))
    event = story.log[-1][2]
    assert isinstance(event, ev.StepBound)
    assert (event.step, event.attempt, event.device, event.reason) == ("a", 1, "d1", "it fits")
    assert story.run.nodes["a"].worker == "d1"
    story.give(bound("d2"))
    assert story.run.nodes["a"].worker == "d2", "d1 was gone"


def test_the_attempt_after_a_failure_avoids_the_device_of_the_one_before() -> None:
    story = Story(graph(ROUTED)).give(bound("d1"))
    assert dispatched(story).avoid is None
    story.fail("a")
    timer = story.last(Timer)
    assert isinstance(timer, Timer)
    story.fire(timer)
    effect = dispatched(story)
    assert (effect.attempt, effect.avoid) == (2, "d1")
    assert story.run.nodes["a"].worker is None


def test_an_attempt_that_no_device_fits_goes_to_a_queue_and_the_log_says_so() -> None:
    story = Story(graph(ROUTED)).give(bound("d1"))
    story.give(cm.Bound(path="a", attempt=1, device="", queue="manual", ranked=b'{"present":3}'))
    event = story.log[-1][2]
    assert isinstance(event, ev.StepDiverted)
    assert (event.step, event.attempt, event.queue) == ("a", 1, "manual")
    assert bytes(event.ranked) == b'{"present":3}'
    assert story.run.nodes["a"].worker is None, "d1 was gone"


def test_who_has_begun_it_in_the_queue_meanwhile_stays() -> None:
    story = Story(graph(ROUTED)).give(cm.Accepted(path="a", attempt=1, worker="w1"))
    story.give(cm.Bound(path="a", attempt=1, device="", queue="manual"))
    assert story.run.nodes["a"].worker == "w1"


def test_a_binding_of_an_attempt_that_is_over_is_rejected() -> None:
    story = Story(graph(ROUTED, task("b"))).complete("a").give(bound("d1"))
    assert [r.code for r in story.rejections] == ["attempt_not_open"]
    assert "step.bound a" not in story.types()
