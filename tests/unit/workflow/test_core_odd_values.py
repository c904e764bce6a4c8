"""What a run does with values, and answers, that are not what it asked for."""

from typing import Any

import pytest

from services.testing import Fails, TestedRun, World
from services.workflow.core import commands as cm
from services.workflow.core import signals
from services.workflow.core.policy import backoff_s
from stretto.contracts.failures import MAX_MESSAGE_CHARS, FailureType
from stretto.contracts.graph import Retry
from stretto.contracts.public import ControlRequest

from .builders import ASK, Story, graph, task


def ran(text: str, value: Any, **tasks: Any) -> TestedRun:
    world = World(
        f"workflow: w\n{text}", tasks={n.replace("_", "."): to for n, to in tasks.items()}
    )
    return world.finish(world.start(value=value))


def why(run: TestedRun) -> str:
    failure = run.run.failure
    assert failure is not None
    assert failure.type == FailureType.EXPRESSION
    return failure.message


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"for": "soon"}, "expected an instant or a number of seconds to wait for"),
        ({"for": 1e300}, "expected an instant or a number of seconds to wait for"),
        ({"for": None}, "expected `until` or `for`, but there is neither"),
    ],
)
def test_a_wait_for_what_is_no_time_fails_with_what_was_given(given: Any, said: str) -> None:
    run = ran('steps: {a: {wait: {for: "${{ input.for }}"}}}\n', given)

    assert said in why(run)


@pytest.mark.parametrize("until", ["9999-12-31T23:59:59-23:59", "99999-01-01T00:00:00Z", True])
def test_a_wait_until_what_no_calendar_has_fails(until: Any) -> None:
    run = ran('steps: {a: {wait: {until: "${{ input.until }}"}}}\n', {"until": until})

    assert "expected an instant or a number of seconds to wait for" in why(run)


def test_to_fail_with_what_is_no_failure_fails_with_what_was_given() -> None:
    run = ran('steps: {a: {fail: {type: Odd, message: "${{ input.m }}"}}}\n', {"m": [1]})

    assert "expected a type and a message to fail with" in why(run)


def test_what_a_need_failed_of_can_be_told_by_the_step_after_it() -> None:
    run = ran(
        "steps:\n  a: {task: t, retry: {max_attempts: 1}}\n"
        "  b:\n    needs: a\n    if: failed()\n    task: std.echo\n"
        '    with: {why: "${{ steps.a.failure.type }}", all: "${{ steps.a.failure }}"}\n',
        None,
        t=Fails("Jammed", "no paper"),
    )

    given = run.output_of("b")
    assert given["why"] == "Jammed"
    assert given["all"]["message"] == "no paper"


def test_an_item_knows_its_place() -> None:
    run = ran(
        "steps:\n  a:\n    for_each: [x, y]\n    task: std.echo\n"
        '    with: {n: "${{ index }}", v: "${{ item }}"}\n',
        None,
    )

    assert [run.output_of(f"a[{n}]") for n in range(2)] == [{"n": 0, "v": "x"}, {"n": 1, "v": "y"}]


# --- the core by itself


def test_a_backoff_that_no_number_can_hold_is_as_long_as_is_allowed() -> None:
    retry = Retry(max_attempts=1_000, interval_s=1.0, backoff=1e3, max_interval_s=60.0, jitter=0.0)

    assert backoff_s(retry, 900, b"key") == 60.0


def test_a_run_starts_once() -> None:
    story = Story(graph(task("a")))

    story.give(cm.Start(namespace="default", input=b"{}"))

    assert len(story.rejections) == 1
    assert story.types().count("run.started") == 1


def test_a_long_message_of_a_failure_is_cut() -> None:
    story = Story(graph(task("a")))
    failure = cm.Result(
        path="a",
        attempt=1,
        failure=story_failure("m" * (MAX_MESSAGE_CHARS + 5)),
    )

    story.give(failure)

    assert story.run.failure is not None
    assert len(story.run.failure.message) == MAX_MESSAGE_CHARS


def story_failure(message: str) -> Any:
    from stretto.contracts.failures import Failure

    return Failure(type="Boom", message=message, retryable=False)


def test_a_worker_that_begins_an_attempt_of_before_is_refused() -> None:
    story = Story(graph(task("a")))

    story.give(cm.Accepted(path="a", attempt=7, worker="w"))
    story.give(cm.Accepted(path="nobody", attempt=1, worker="w"))

    assert len(story.rejections) == 2
    assert "step.started a" not in story.types()


def test_an_answer_about_an_output_that_was_not_asked_for_is_refused() -> None:
    story = Story(graph(task("a"), output=ASK))

    story.decided("", output=b"1")

    assert len(story.rejections) == 1


def test_signals_that_nobody_takes_are_kept_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    from services.workflow.core import controlling

    monkeypatch.setattr(controlling, "MAX_BUFFERED", 2)
    story = Story(graph(task("a")))

    for _ in range(3):
        story.give(cm.Control(request=ControlRequest(command="signal", name="go")))

    assert signals.buffered(story.run) == 2
    [refused] = story.rejections
    assert "expected fewer than 2 signals that no step has taken" in refused.message
