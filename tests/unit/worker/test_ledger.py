"""Attempts and the messages that wait for them."""

import msgspec
import pytest

from stretto.contracts.public import Task, TaskResult
from stretto.worker import ledger as limits
from stretto.worker.ledger import Attempt, Delivery, Ledger


class Runs:
    def __init__(self) -> None:
        self.stopped: list[str] = []
        self.started_at = "2026-01-01T00:00:00Z"

    def stop(self, reason: str) -> None:
        self.stopped.append(reason)


def task(id_: str) -> Task:
    return Task(
        id=id_,
        run_id="r",
        step="s",
        attempt=1,
        task="t",
        input=msgspec.Raw(b"null"),
        reply=f"reply.{id_}",
    )


def result(id_: str, output: bytes = b"1") -> TaskResult:
    return TaskResult(id=id_, status="completed", output=msgspec.Raw(output))


def take(ledger: Ledger, *ids: str) -> tuple[Delivery, list[str]]:
    delivery = Delivery("message")
    return delivery, [reply for reply, _ in ledger.take(delivery, [task(i) for i in ids])]


def begin(ledger: Ledger) -> Attempt:
    attempt = ledger.next()
    assert attempt is not None
    return attempt


def test_a_message_is_done_when_the_results_of_all_its_attempts_are_stored() -> None:
    ledger = Ledger()
    delivery, _ = take(ledger, "a", "b")
    a, b = begin(ledger), begin(ledger)
    assert (ledger.running, ledger.queued, ledger.next()) == (2, 0, None)
    ledger.finish(a, result("a"))
    ledger.finish(b, result("b"))
    assert ledger.running == 0
    assert ledger.stored(["a"]) == []
    assert ledger.open == [delivery]
    assert ledger.stored(["b", "unknown"]) == [delivery]
    assert ledger.open == []


def test_it_is_known_whether_others_of_the_same_message_run_still() -> None:
    ledger = Ledger()
    take(ledger, "a", "b", "c")
    take(ledger, "z")
    a, b, c, z = (begin(ledger) for _ in range(4))
    assert ledger.finish(a, result("a"))
    ledger.abandon(c)
    assert not ledger.finish(b, result("b"))
    assert not ledger.finish(z, result("z"))


def test_what_is_here_is_not_begun_again_and_both_messages_wait() -> None:
    ledger = Ledger()
    first, _ = take(ledger, "a")
    a = begin(ledger)
    second, again = take(ledger, "a", "b")
    assert (again, ledger.queued) == ([], 1)
    ledger.finish(a, result("a"))
    assert ledger.stored(["a"]) == [first]
    assert second.waiting == 1


def test_an_attempt_twice_in_a_message_counts_once() -> None:
    ledger = Ledger()
    delivery, _ = take(ledger, "a", "a")
    assert (delivery.waiting, ledger.queued) == (1, 1)


def test_an_empty_message_waits_for_nothing() -> None:
    ledger = Ledger()
    delivery, _ = take(ledger)
    assert (delivery.waiting, ledger.open) == (0, [])


def test_what_was_finished_is_answered_from_memory() -> None:
    ledger = Ledger()
    take(ledger, "a")
    ledger.finish(begin(ledger), result("a"))
    ledger.stored(["a"])
    delivery, again = take(ledger, "a")
    assert (again, ledger.queued) == (["reply.a"], 0)
    assert ledger.stored(["a"]) == [delivery]


def test_an_attempt_is_held_until_its_result_is_stored_and_then_answered_from_memory() -> None:
    ledger = Ledger()
    assert not ledger.holds("a")
    ledger.take(Delivery(None), [task("a")])
    assert ledger.holds("a")
    attempt = ledger.next()
    assert attempt is not None
    ledger.finish(attempt, result("a"))
    assert ledger.holds("a")
    ledger.stored(["a"])
    assert not ledger.holds("a")
    assert [r for _, r in ledger.take(Delivery(None), [task("a")])] == [result("a")]


def test_memory_is_bounded_by_number_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_REMEMBERED", 2)
    ledger = Ledger()
    for id_ in "abc":
        take(ledger, id_)
        ledger.finish(begin(ledger), result(id_))
        ledger.stored([id_])
    assert take(ledger, "a")[1] == []
    assert take(ledger, "c")[1] == ["reply.c"]
    monkeypatch.setattr(limits, "MAX_REMEMBERED_BYTES", 10)
    ledger = Ledger()
    for id_ in "ab":
        take(ledger, id_)
        ledger.finish(begin(ledger), result(id_, b'"12345"'))
        ledger.stored([id_])
    assert take(ledger, "a")[1] == []
    assert take(ledger, "b")[1] == ["reply.b"]


def test_to_finish_twice_is_a_bug() -> None:
    ledger = Ledger()
    take(ledger, "a")
    a = begin(ledger)
    ledger.finish(a, result("a"))
    with pytest.raises(AssertionError, match="a finished twice"):
        ledger.finish(a, result("a"))


def test_withdrawn_attempts_are_stopped_marked_or_remembered() -> None:
    ledger = Ledger()
    take(ledger, "running", "queued", "finished")
    running, runs = begin(ledger), Runs()
    running.runner = runs
    assert ledger.withdraw(["running", "queued", "later"]) == [runs]
    assert begin(ledger).withdrawn
    finished = begin(ledger)
    ledger.finish(finished, result("finished"))
    assert ledger.withdraw(["finished"]) == []
    assert not finished.withdrawn
    take(ledger, "later")
    assert begin(ledger).withdrawn


def test_withdrawals_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_WITHDRAWN", 1)
    ledger = Ledger()
    ledger.withdraw(["a", "b"])
    take(ledger, "a", "b")
    assert (begin(ledger).withdrawn, begin(ledger).withdrawn) == (False, True)


def test_abandoned_attempts_are_forgotten_and_their_messages_stay_open() -> None:
    ledger = Ledger()
    delivery, _ = take(ledger, "a", "b")
    ledger.abandon(begin(ledger))
    assert ledger.running == 0
    assert ledger.close() == [delivery]
    assert ledger.queued == 0


def test_of_many_that_run_the_first_are_named() -> None:
    ledger = Ledger()
    take(ledger, "a", "b", "c", "d")
    for attempt in (begin(ledger), begin(ledger), begin(ledger)):
        attempt.runner = Runs()
    assert [id_ for id_, _ in ledger.longest(2, 10)] == ["a", "b"]
    assert [id_ for id_, _ in ledger.longest(9, 10)] == ["a", "b", "c"]
    assert [id_ for id_, _ in ledger.longest(9, 1)] == ["a"]
