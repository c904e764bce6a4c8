"""The core: for_each, retries, timeouts, compensation, cancelling."""

import pytest

from services.workflow.core import commands as cm
from services.workflow.core.commands import TimerKind
from services.workflow.core.effects import Dispatch, Timer, Withdraw, open_effects
from services.workflow.core.statuses import NodeStatus, RunPhase
from services.workflow.views import never_begun_told
from stretto.contracts.failures import Failure
from stretto.contracts.graph import Compensation
from stretto.contracts.public import ControlRequest
from tests.unit.workflow.builders import (
    ASK,
    ForEach,
    Graph,
    Join,
    Retry,
    StepPlan,
    Story,
    TaskPlan,
    Timeouts,
    facts,
    graph,
    task,
    undoable,
)  # fmt: skip


def each(name: str, **fields: object) -> StepPlan:
    fan = {k: fields.pop(k) for k in ("max_parallel", "join") if k in fields}
    return task(name, for_each=ForEach(ask=ASK, **fan), **fields)


def test_a_for_each_runs_its_items_and_collects_their_outputs() -> None:
    story = Story(graph(each("scan"), task("end", needs=(0,))))
    story.decided("scan", items=[b"1", b"2", b"3"])
    assert story.out() == ["scan[0]", "scan[1]", "scan[2]"]
    story.complete("scan[2]", b"30").complete("scan[0]", b"10").complete("scan[1]", b"20")
    assert story.run.nodes["scan"].output == b"[10,20,30]"
    assert story.out() == ["end"]


def test_max_parallel_holds_items_back_until_others_end() -> None:
    story = Story(graph(each("scan", max_parallel=2)))
    story.decided("scan", items=[b"1", b"2", b"3"])
    assert story.out() == ["scan[0]", "scan[1]"]
    story.complete("scan[1]")
    assert story.out() == ["scan[0]", "scan[2]"]


def test_an_empty_for_each_completes_with_an_empty_list() -> None:
    story = Story(graph(each("scan"))).decided("scan", items=[])
    assert story.run.phase is RunPhase.COMPLETED
    assert story.run.nodes["scan"].output == b"[]"


def test_a_failed_item_cancels_the_others_and_fails_the_for_each_and_the_run() -> None:
    story = Story(graph(each("scan"))).decided("scan", items=[b"1", b"2", b"3"])
    story.fail("scan[1]")
    assert [e for e in story.effects if isinstance(e, Withdraw)] == [
        Withdraw("scan[0]", 1, "settled"),
        Withdraw("scan[2]", 1, "settled"),
    ]
    assert story.run.phase is RunPhase.FAILED
    assert story.run.failure is not None
    assert "0 did; the first that failed: it broke" in story.run.failure.message


def test_a_join_of_any_cancels_the_rest_and_completes() -> None:
    story = Story(graph(each("ask", join=Join(mode="any")))).decided("ask", items=[b"1", b"2"])
    story.fail("ask[0]")
    assert story.run.phase is RunPhase.RUNNING
    story.complete("ask[1]", b"2")
    assert story.run.phase is RunPhase.COMPLETED
    assert story.run.nodes["ask"].output == b"[null,2]"


@pytest.mark.parametrize(
    ("join", "completed"), [(Join(mode="count", count=2), 2), (Join(mode="share", share=0.5), 2)]
)
def test_a_partial_join_needs_so_many(join: Join, completed: int) -> None:
    story = Story(graph(each("ask", join=join))).decided("ask", items=[b"1", b"2", b"3", b"4"])
    for index in range(completed):
        assert story.run.phase is RunPhase.RUNNING
        story.complete(f"ask[{index}]")
    assert story.run.phase is RunPhase.COMPLETED


def retried(**fields: object) -> Graph:
    retry = Retry(max_attempts=3, interval_s=1.0, backoff=2.0, jitter=0.0, **fields)
    return graph(task("a", retry=retry))


def test_a_failed_attempt_is_tried_again_after_growing_waits_then_fails_the_run() -> None:
    story = Story(retried())
    waits = []
    for _ in range(2):
        story.fail("a")
        timer = story.last(Timer)
        assert isinstance(timer, Timer)
        waits.append((timer.due_us - story.now_us) / 1e6)
        story.fire(timer)
    assert waits == [1.0, 2.0]
    assert story.run.nodes["a"].attempt == 3
    story.fail("a")
    assert story.run.phase is RunPhase.FAILED


@pytest.mark.parametrize("fields", [{"never": ("Boom",)}, {"only": ("Other",)}])
def test_a_failure_that_is_not_to_be_retried_fails_at_once(fields: dict[str, object]) -> None:
    assert Story(retried(**fields)).fail("a").run.phase is RunPhase.FAILED


def test_a_failure_that_says_it_cannot_be_retried_fails_at_once() -> None:
    assert Story(retried()).fail("a", retryable=False).run.phase is RunPhase.FAILED


def test_the_result_of_an_attempt_that_was_given_up_is_rejected() -> None:
    story = Story(graph(task("a", timeouts=Timeouts(queue_s=5.0), retry=Retry(max_attempts=2))))
    first = story.last(Timer)
    story.fire(first)
    assert story.run.nodes["a"].status is NodeStatus.BACKOFF
    assert story.last(Withdraw) == Withdraw("a", 1, "QueueTimeout")
    story.fire(story.last(Timer))
    story.complete("a", attempt=1)
    assert [r.code for r in story.rejections] == ["attempt_not_open"]
    assert story.complete("a").run.phase is RunPhase.COMPLETED


def test_an_accepted_attempt_has_its_run_time_from_then_on() -> None:
    story = Story(graph(task("a", timeouts=Timeouts(run_s=10.0, queue_s=2.0))))
    queue = story.last(Timer)
    story.now_us += 1_000_000
    story.give(cm.Accepted(path="a", attempt=1, worker="w1"))
    story.fire(queue)
    assert story.rejections[-1].code == "timer_stale"
    deadline = story.last(Timer)
    assert (deadline.kind, deadline.due_us) == (TimerKind.ATTEMPT, 1_700_000_011_000_000)
    story.give(cm.Accepted(path="a", attempt=1, worker="w2"))
    assert story.rejections[-1].code == "attempt_started"
    assert story.fire(deadline).run.failure is not None
    assert story.run.failure.type == "RunTimeout"


def test_a_step_over_its_total_time_fails_whatever_its_retries() -> None:
    story = Story(graph(each("scan", timeouts=Timeouts(total_s=3.0))))
    total = story.last(Timer)
    story.decided("scan", items=[b"1"])
    story.fire(total)
    assert story.run.phase is RunPhase.FAILED
    assert "step.cancelled scan[0]" in story.types()


def test_a_run_over_its_time_fails() -> None:
    story = Story(graph(task("a"), timeout_s=60.0))
    story.fire(story.last(Timer))
    assert story.run.phase is RunPhase.FAILED
    assert story.run.failure is not None and story.run.failure.type == "WorkflowTimeout"


def test_completed_steps_are_undone_in_reverse_order() -> None:
    story = Story(
        graph(undoable("a"), undoable("b", needs=(0,)), task("c", needs=(1,)),
              on_failure="compensate")
    )  # fmt: skip
    story.complete("a", b"1").complete("b", b"2").fail("c")
    assert story.run.phase is RunPhase.COMPENSATING
    assert story.out() == ["b~compensate"]
    story.complete("b~compensate")
    assert story.out() == ["a~compensate"]
    story.complete("a~compensate")
    assert story.run.phase is RunPhase.FAILED
    assert story.run.uncompensated == []


def test_an_attempt_that_can_be_undone_is_waited_for_before_undoing() -> None:
    story = Story(graph(undoable("a"), task("b"), on_failure="compensate"))
    story.fail("b")
    assert story.run.phase is RunPhase.FAILING
    assert story.out() == ["a"]
    story.complete("a")
    assert story.out() == ["a~compensate"]


def test_a_compensation_has_its_own_input_and_retries() -> None:
    undo = Compensation(task=TaskPlan(name="undo"), ask=ASK, retry=Retry(max_attempts=2))
    story = Story(graph(task("a", compensate=undo), task("b", needs=(0,)), on_failure="compensate"))
    story.complete("a").fail("b")
    story.decided("a~compensate", output=b'{"x":1}').fail("a~compensate")
    story.fire(story.last(Timer))
    last = story.last(Dispatch)
    assert isinstance(last, Dispatch)
    assert (last.path, last.attempt, last.input) == ("a~compensate", 2, b'{"x":1}')


def control(command: str) -> cm.Control:
    return cm.Control(request=ControlRequest(command=command, by="me", reason="enough"))


def test_cancel_stops_what_is_open_undoes_and_ends_cancelled() -> None:
    story = Story(graph(undoable("a"), task("b", needs=(0,)), task("c", needs=(1,)),
                        on_failure="compensate"))  # fmt: skip
    story.complete("a").give(control("cancel"))
    assert story.last(Withdraw) == Withdraw("b", 1, "run_failing")
    story.give(control("cancel"))
    assert story.rejections[-1].code == "already_failing"
    story.complete("a~compensate")
    assert story.run.phase is RunPhase.CANCELLED


def test_terminate_ends_at_once() -> None:
    story = Story(graph(undoable("a"), task("b", needs=(0,)), on_failure="compensate"))
    story.complete("a").give(control("terminate"))
    assert story.run.phase is RunPhase.TERMINATED
    assert story.last(Withdraw) == Withdraw("b", 1, "terminated")
    assert facts(story.replayed()) == facts(story.run)
    story.give(control("terminate"))
    assert story.rejections[-1].code == "run_closed"


def test_a_command_that_runs_do_not_know_is_rejected() -> None:
    story = Story(graph(task("a"))).give(control("explode"))
    assert story.rejections[-1].code == "unknown_command"


def test_a_step_that_runs_always_runs_after_a_failure() -> None:
    story = Story(
        graph(task("a"), task("clean", needs=(0,), runs_on="always"), task("z", needs=(0,)))
    )
    story.fail("a")
    assert story.run.phase is RunPhase.FAILING
    assert story.out() == ["clean"]
    story.complete("clean")
    assert story.run.phase is RunPhase.FAILED
    assert "step.scheduled z" not in story.types()


def test_wait_and_set_and_fail_need_no_worker() -> None:
    wait = StepPlan(name="w", kind="wait", value=b'{"for":5}')
    given = StepPlan(name="s", kind="set", needs=(0,), value=b'{"x":1}')
    stop = StepPlan(name="f", kind="fail", needs=(1,), value=b'{"type":"No","message":"stop"}')
    story = Story(graph(wait, given, stop))
    timer = story.last(Timer)
    assert (timer.kind, timer.due_us - story.now_us) == (TimerKind.WAIT, 5_000_000)
    story.fire(timer)
    assert story.run.nodes["s"].output == b'{"x":1}'
    assert story.run.failure is not None and story.run.failure.type == "No"


def test_open_effects_make_again_what_is_open() -> None:
    story = Story(graph(task("a"), task("b", ask=ASK), StepPlan(name="w", kind="wait",
                                                               value=b'{"for":5}')))  # fmt: skip
    assert list(open_effects(story.run)) == story.effects


def test_replay_of_failures_and_compensations_gives_the_same_run() -> None:
    story = Story(graph(undoable("a"), each("b", needs=(0,)), on_failure="compensate"))
    story.complete("a").decided("b", items=[b"1", b"2"]).fail("b[0]").complete("a~compensate")
    assert story.run.phase is RunPhase.FAILED
    assert facts(story.replayed()) == facts(story.run)


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (task("a", timeouts=Timeouts(queue_s=5.0)), "a worker to begin 'do.a' within 5 s"),
        (
            task("a", task=TaskPlan(name="x", queue="q"), timeouts=Timeouts(queue_s=0.5)),
            "a worker to begin 'x' on queue 'q' within 0.5 s",
        ),
        (
            task("a", task=TaskPlan(name="x", route=ASK), timeouts=Timeouts(queue_s=5)),
            "a device that fits its route to begin 'x' within 5 s",
        ),
    ],
)
def test_what_nobody_began_in_time_is_named(plan: StepPlan, text: str) -> None:
    story = Story(graph(plan))

    story.fire(story.last(Timer))

    assert story.run.failure is not None
    assert story.run.failure.message == f"expected {text}, but none did"
    told = never_begun_told(story.run, story.run.failure)
    assert told.get("task") == (None if "device" in text else story.run.nodes["a"].work.task.name)  # type: ignore[union-attr]
    assert told.get("queue") == ("q" if "queue" in text else None)
    assert never_begun_told(story.run, Failure(type="Boom", step="a")) == {}
