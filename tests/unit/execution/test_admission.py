"""Admission: an attempt is out at most once, and never forgotten while it is wanted."""

import pytest

from services.execution.core import limits
from services.execution.core.attempt import State
from services.execution.core.effects import Silent, Stop, StopOwn, Verify
from services.execution.core.limits import DOUBT_AFTER_US, FORGET_AFTER_US
from services.execution.core.line import MIN_LIMIT

from .given import NS, T0, S, admission, admit, attempt, ids, present, send


def test_an_attempt_goes_to_the_queue_it_names_and_is_gone_with_its_result() -> None:
    core = admission()
    one = attempt("a")
    assert admit(core, one) == []
    (message,) = core.cut()
    assert (message.namespace, message.queue, message.data) == (NS, "q", b'{"tasks":[{"id":"a"}]}')
    assert one.state is State.SENDING
    assert core.stored(message, 7) == []
    assert (one.state, one.seq) == (State.OUT, 7)
    assert core.counts == (1, 0, 0, 1, 0)
    assert core.finished("a") is one
    assert core.counts == (0, 0, 0, 0, 0)
    assert core.finished("a") is None


def test_what_is_known_is_not_admitted_again() -> None:
    core = admission()
    admit(core, attempt("a"))
    with pytest.raises(AssertionError, match="a is known already"):
        admit(core, attempt("a"))


def test_nothing_leaves_twice() -> None:
    core = admission()
    admit(core, attempt("a"), attempt("b"))
    assert len(core.cut()) == 2
    assert core.cut() == []


def test_std_tasks_run_here_whatever_queue_they_name() -> None:
    core = admission()
    own = attempt("a", task="std.echo", queue="q")
    assert admit(core, own) == ["a"]
    assert core.cut() == []
    assert core.counts.own == 1
    core.finished("a")
    assert core.counts.own == 0


def test_only_so_many_are_out_and_the_others_follow_in_order() -> None:
    core = admission()
    admit(core, *[attempt(f"{n}") for n in range(MIN_LIMIT + 2)])
    sent = [id_ for message in ids(send(core)) for id_ in message]
    assert sent == [f"{n}" for n in range(MIN_LIMIT)]
    assert core.cut() == []
    core.finished("17")
    assert ids(send(core)) == [[f"{MIN_LIMIT}"]]
    core.finished("18")
    assert ids(send(core)) == [[f"{MIN_LIMIT + 1}"]]


def test_more_slots_let_more_out() -> None:
    core = admission()
    admit(core, *[attempt(f"{n}") for n in range(1_500)])
    send(core)
    present(core, "w", slots=1_000)
    assert sum(len(message) for message in ids(send(core))) == 500


def test_what_could_not_be_stored_is_sent_again_in_front() -> None:
    core = admission()
    present(core, "w")
    admit(core, attempt("a"), attempt("b"))
    (message,) = core.cut()
    admit(core, attempt("c"))
    core.not_stored(message)
    assert ids(send(core)) == [["a", "b", "c"]]


def test_store_lost_sends_all_that_was_out_oldest_first() -> None:
    core = admission()
    present(core, "w")
    admit(core, attempt("a"), attempt("b"))
    send(core)
    admit(core, attempt("c"))
    core.store_lost()
    assert core.counts == (3, 0, 3, 0, 0)
    assert ids(send(core, 1)) == [["a", "b", "c"]]


def test_withdrawn_while_held_never_leaves() -> None:
    core = admission()
    admit(core, attempt("a"), attempt("b"), attempt("c"))
    assert core.withdraw(["b", "unknown"]) == []
    assert ids(send(core)) == [["a"], ["c"]]
    core.withdraw(["a", "c"])
    assert core.counts == (0, 0, 0, 0, 0)


def test_withdrawn_while_out_is_stopped() -> None:
    core = admission()
    one, two = attempt("a"), attempt("b")
    admit(core, one, two)
    send(core)
    assert core.withdraw(["a", "b"]) == [Stop(NS, "q", [one, two])]
    assert core.counts.known == 0


def test_withdrawn_while_being_sent_is_stopped_when_it_is_stored() -> None:
    core = admission()
    present(core, "w")
    one, two = attempt("a"), attempt("b")
    admit(core, one, two)
    (message,) = core.cut()
    assert core.withdraw(["a"]) == []
    assert core.stored(message, 3) == [Stop(NS, "q", [one])]
    assert (two.state, core.counts.out) == (State.OUT, 1)


def test_withdrawn_while_being_sent_and_not_stored_is_gone() -> None:
    core = admission()
    present(core, "w")
    admit(core, attempt("a"), attempt("b"))
    (message,) = core.cut()
    core.withdraw(["a"])
    core.not_stored(message)
    assert ids(send(core)) == [["b"]]


def test_withdrawn_std_task_is_stopped_here() -> None:
    core = admission()
    own = attempt("a", task="std.sleep")
    admit(core, own)
    assert core.withdraw(["a"]) == [StopOwn(own)]


def test_dispatched_again_means_nothing_while_it_is_held_or_young() -> None:
    core = admission()
    one = attempt("a")
    admit(core, one)
    late = T0 + 2 * DOUBT_AFTER_US
    assert core.repeated(one, "q", late, again=True) == []
    send(core)
    assert core.repeated(one, "q", late, again=False) == []
    assert core.repeated(one, "q", T0 + DOUBT_AFTER_US - 1, again=True) == []


def test_dispatched_again_after_a_while_is_looked_for_and_sent_again_if_it_vanished() -> None:
    core = admission()
    one = attempt("a")
    admit(core, one)
    send(core, 5)
    late = T0 + DOUBT_AFTER_US
    assert core.repeated(one, "q", late, again=True) == [Verify(one, 5)]
    assert core.repeated(one, "q", late + 1, again=True) == [], "asked a moment ago"
    core.vanished(one, 4)
    assert one.state is State.OUT, "that was another message of it"
    core.vanished(one, 5)
    assert ids(send(core, 9)) == [["a"]]
    core.vanished(one, 5)
    assert one.state is State.OUT


def test_found_in_the_stream_it_is_not_sent_again() -> None:
    core = admission()
    core.recover(attempt("a"), 3, True, T0)
    core.recover(attempt("a"), 4, True, T0)
    known = core.get("a")
    assert known is not None
    assert (known.state, known.seq, core.counts.out) == (State.OUT, 3, 1)
    assert core.repeated(known, "q", T0, again=True) == []
    assert core.cut() == []


def test_acknowledged_long_ago_without_a_result_it_is_forgotten() -> None:
    core = admission()
    admit(core, attempt("a"), attempt("b"), attempt("c"))
    send(core, 1)
    assert core.acknowledged_before(3, T0 + FORGET_AFTER_US) == 0, "its result may be on its way"
    assert core.acknowledged_before(3, T0 + FORGET_AFTER_US + 1) == 2
    assert core.get("c") is not None
    assert core.counts.out == 1


def test_silence_counts_from_the_first_sign_of_life() -> None:
    core = admission()
    one = attempt("a", heartbeat_s=1.0)
    admit(core, one, attempt("b"))
    send(core)
    assert core.tick(T0 + S) == []
    core.alive("a", T0 + S)
    core.alive("b", T0 + S)
    core.alive("unknown", T0 + S)
    assert core.tick(T0 + 2 * S) == []
    assert core.tick(T0 + 2 * S + 1) == [Silent(one, 1.0), Stop(NS, "q", [one])]
    assert core.get("a") is None
    assert len(core.pulses) == 0


def test_what_a_silent_attempt_said_to_go_on_from_is_told_with_its_silence() -> None:
    core = admission()
    one = attempt("a", heartbeat_s=1.0)
    admit(core, one, attempt("b"))
    send(core)
    core.alive("a", T0, b'{"at":1}')
    core.alive("a", T0)
    core.alive("b", T0, b"not watched")
    assert core.pulses.details("b") is None
    silent, _ = core.tick(T0 + S + 1)
    assert silent == Silent(one, 1.0, b'{"at":1}')
    assert core.pulses.details("a") is None


def test_silence_does_not_count_while_we_did_not_listen() -> None:
    core = admission()
    admit(core, attempt("a", heartbeat_s=1.0))
    send(core)
    core.alive("a", T0)
    assert core.tick(T0 + 60 * S) == [], "we were not running ourselves"
    core.deaf(T0 + 61 * S)
    assert core.tick(T0 + 62 * S) == []
    assert len(core.tick(T0 + 62 * S + 1)) == 2


def test_an_attempt_that_is_sent_again_is_silent_until_it_begins_again() -> None:
    core = admission()
    admit(core, attempt("a", heartbeat_s=1.0))
    send(core)
    core.alive("a", T0)
    core.store_lost()
    assert core.tick(T0 + 2 * S) == []


def test_full_when_too_much_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    core = admission()
    monkeypatch.setattr(limits, "MAX_HELD", 2)
    admit(core, attempt("a"))
    assert not core.full
    admit(core, attempt("b"))
    assert core.full
    send(core)
    assert not core.full


def test_full_when_the_payloads_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    core = admission()
    monkeypatch.setattr(limits, "MAX_HELD_BYTES", 20)
    present(core, "w", queue="default", tasks=["other"])
    admit(core, attempt("a"), attempt("b", queue=None))
    assert core.full
    core.withdraw(["a"])
    assert not core.full
    core.withdraw(["b"])
    admit(core, attempt("c"))
    (message,) = core.cut()
    core.not_stored(message)
    core.store_lost()
    send(core)
    core.store_lost()
    core.finished("c")
    assert core._held_bytes == 0


def test_lines_of_queues_that_nobody_needs_are_dropped() -> None:
    core = admission()
    admit(core, attempt("a"), attempt("b", queue="r"))
    present(core, "w", queue="r")
    send(core)
    core.finished("a")
    core.finished("b")
    core.forget_idle_lines()
    assert [line.queue for line in core.lines] == ["r"]


def test_a_transition_that_the_table_does_not_have_is_a_bug() -> None:
    one = attempt("a")
    with pytest.raises(AssertionError, match="NEW cannot become GONE"):
        one.become(State.GONE)


def test_silent_while_it_is_being_sent_again_it_is_stopped_when_it_is_stored() -> None:
    core = admission()
    one = attempt("a", heartbeat_s=1.0)
    admit(core, one)
    (message,) = core.cut()
    core.alive("a", T0)
    assert core.tick(T0 + S + 1) == [Silent(one, 1.0)]
    assert core.stored(message, 3) == [Stop(NS, "q", [one])]


def test_places_of_attempts_that_are_gone_do_not_gather() -> None:
    core = admission()
    admit(core, *[attempt(f"{n}") for n in range(MIN_LIMIT + 1)])
    send(core)
    for n in range(1_000):
        admit(core, attempt(f"x{n}"))
        core.withdraw([f"x{n}"])
    (line,) = core.lines
    assert len(line._held) < 100
    core.finished("0")
    assert ids(send(core)) == [[f"{MIN_LIMIT}"]]


def test_without_room_the_next_ones_wait() -> None:
    core = admission()
    admit(core, *[attempt(f"{n}") for n in range(MIN_LIMIT)])
    send(core)
    admit(core, attempt("late"))
    assert core.cut() == []
    assert core.counts.held == 1


def test_parked_with_a_result_it_is_gone() -> None:
    core = admission()
    admit(core, attempt("a", queue=None))
    send(core)
    core.finished("a")
    assert present(core, "v", queue="right", tasks=["t"]) == []
