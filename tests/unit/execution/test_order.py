"""Who is next: priority with ageing, turns of workflows, age; and what it costs."""

import pytest

from services.execution.core.admission import Admission
from services.execution.core.attempt import Attempt, State
from services.execution.core.line import MIN_LIMIT
from services.execution.core.order import AGEING_US, Order
from services.execution.core.roster import Roster

from .given import T0, S, admission, admit, attempt, ids, present, send


def _one_by_one(core: Admission, count: int) -> list[str]:
    """Let one attempt at a time go out and end; in which order they went."""
    went: list[str] = []
    while len(went) < count:
        out = [id_ for message in ids(send(core)) for id_ in message]
        assert out, f"nothing goes out after {went}"
        went += out
        for id_ in out:
            core.finished(id_)
    return went


def _crowd(*attempts: Attempt) -> Admission:
    core = admission()
    present(core, "w", slots=1)
    for number, each in enumerate(attempts):
        admit(core, each, now_us=T0 + number)
    return core


def test_the_higher_priority_goes_first_and_of_one_priority_the_older() -> None:
    core = _crowd(
        attempt("a", priority=0), attempt("b"), attempt("c", priority=9), attempt("d", priority=9)
    )
    assert _one_by_one(core, 4) == ["c", "d", "b", "a"]


def test_ten_thousand_wait_for_one_slot_in_order_of_priority_then_age() -> None:
    made = [attempt(f"{n}", priority=n * 7 % 10) for n in range(10_000)]
    core = _crowd(*made)
    wanted = [each.id for each in sorted(made, key=lambda a: (-a.priority, int(a.id)))]
    assert _one_by_one(core, 10_000) == wanted
    assert core.counts == (0, 0, 0, 0, 0)


def test_only_what_a_slot_begins_with_is_out_where_the_order_matters() -> None:
    core = _crowd(*[attempt(f"{n}", priority=1) for n in range(100)])
    send(core)
    assert core.counts.out == 3


def test_short_attempts_may_be_further_ahead() -> None:
    core = _crowd(*[attempt(f"{n}", priority=1) for n in range(100)])
    first = attempt("first", queue="q")
    core.learn(first, 1_000)
    send(core)
    assert core.counts.out == 52


@pytest.mark.parametrize(
    ("took_us", "slots", "out"), [(20_000, 1, 50), (500, 1, MIN_LIMIT), (40_000, 100, MIN_LIMIT)]
)
def test_who_floods_a_queue_is_no_more_than_a_second_ahead_of_who_comes_next(
    took_us: int, slots: int, out: int
) -> None:
    """One workflow of the usual priority; another one comes after it."""
    core = admission()
    present(core, "w", slots=slots)
    admit(core, attempt("first"))
    send(core)
    first = core.finished("first")
    assert first is not None
    core.learn(first, took_us)
    admit(core, *[attempt(f"{n}") for n in range(2 * MIN_LIMIT)])
    send(core)
    assert core.counts.out == out


def test_long_attempts_are_not_sent_far_ahead_whatever_their_order() -> None:
    core = admission()
    present(core, "w", slots=2)
    admit(core, attempt("first"))
    send(core)
    first = core.finished("first")
    assert first is not None
    core.learn(first, 10 * S)
    admit(core, *[attempt(f"{n}") for n in range(100)])
    send(core)
    assert core.counts.out == 3


def test_the_lowest_priority_is_passed_by_what_comes_within_its_ageing_only() -> None:
    core = admission()
    present(core, "w", slots=1)
    admit(core, attempt("low", priority=0), now_us=T0)
    admit(core, attempt("early", priority=9), now_us=T0 + 9 * AGEING_US - 1)
    admit(core, attempt("late", priority=9), now_us=T0 + 9 * AGEING_US + 1)
    assert _one_by_one(core, 3) == ["early", "low", "late"]


def test_a_stream_of_the_highest_priority_starves_nobody() -> None:
    core = admission()
    present(core, "w", slots=1)
    admit(core, attempt("low", priority=0), now_us=T0)
    went: list[str] = []
    for second in range(400):  # twice as many come as are done
        now_us = T0 + second * S
        admit(core, *[attempt(f"{second}.{n}", priority=9) for n in range(2)], now_us=now_us)
        out = [id_ for message in core.cut(now_us) for id_ in [a.id for a in message.attempts]]
        went += out
        if "low" in out:
            break
        core.finished(out[0] if out else went[-1])
        for id_ in went:
            core.finished(id_)
    assert "low" in went


def test_workflows_take_turns() -> None:
    core = _crowd(
        *[attempt(f"a{n}", workflow="a") for n in range(4)],
        *[attempt(f"b{n}", workflow="b") for n in range(2)],
        attempt("c0", workflow="c"),
    )
    assert _one_by_one(core, 7) == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]


def test_what_is_withdrawn_is_passed_over_and_its_place_given_up() -> None:
    core = _crowd(*[attempt(f"{n}", priority=n % 3) for n in range(1_000)])
    core.withdraw([f"{n}" for n in range(990)])
    assert _one_by_one(core, 10) == ["992", "995", "998", "991", "994", "997", "990", "993",
                                     "996", "999"]  # fmt: skip
    (line,) = core.lines
    assert (line.waiting, line.out) == (0, 0)


def test_what_could_not_be_stored_goes_first_in_its_turn_again() -> None:
    core = _crowd(*[attempt(f"{n}", priority=8) for n in range(6)])
    for sending in reversed(core.cut()):
        core.not_stored(sending)
    assert _one_by_one(core, 6) == ["0", "1", "2", "3", "4", "5"]


def test_the_line_goes_as_it_comes_again_once_nobody_waits() -> None:
    core = _crowd(attempt("a", priority=9), attempt("b"))
    _one_by_one(core, 2)
    admit(core, *[attempt(f"{n}") for n in range(500)])
    assert sum(len(message) for message in ids(send(core))) == 500


def test_nobody_present_is_sent_a_few_where_the_order_matters() -> None:
    core = Admission(Roster())
    admit(core, *[attempt(f"{n}", priority=1) for n in range(10)])
    send(core)
    assert core.counts.out == 2


def test_a_line_of_many_that_are_gone_is_cleared() -> None:
    core = admission()
    admit(core, *[attempt(f"{n}", workflow="ab"[n % 2]) for n in range(3_000)])
    send(core)
    core.withdraw([f"{n}" for n in range(10, 2_990)])
    (line,) = core.lines
    assert line._order is not None and line._order.size <= 2 * line.waiting + 64


def test_one_workflow_that_may_not_go_on_does_not_make_others_places_pile_up() -> None:
    order = Order(lambda each: each.state is State.HELD)
    for number in range(1_000):
        one = attempt(f"{number}", workflow="b" if number else "a")
        one.become(State.HELD)
        order.add(one)
        if number:
            found = order.take(lambda workflow: workflow == "b")
            assert found is one
            found.become(State.SENDING)
    (level,) = order._levels.values()
    assert len(level.ages) < 200
    assert order.take(lambda _: False) is None
    assert order.oldest_us() == 0
