"""Who is present."""

import pytest

from services.execution.core import roster as limits
from services.execution.core.roster import MAX_OTHERS, PRESENCE_TTL_US, Crew, Roster
from stretto.contracts.public import Presence

NS = "default"


def worker(*tasks: str, queue: str | None = "q", slots: int = 10, busy: int = 0) -> Presence:
    return Presence(tasks=list(tasks), queue=queue, slots=slots, busy=busy)


def test_workers_are_summed_up_by_queue() -> None:
    roster = Roster()
    assert roster.hear(NS, "a", worker("t", slots=10, busy=3), 0) == ["t"]
    assert roster.hear(NS, "b", worker("t", "u", slots=4, busy=1), 0) == ["t", "u"]
    assert roster.crew(NS, "q") == Crew(workers=2, slots=14, smallest=4)
    assert roster.busy(NS, "q") == 4
    assert (roster.serving(NS, "u"), roster.serving(NS, "none")) == (["q"], [])
    assert list(roster.queues) == [(NS, "q")]
    assert len(roster) == 2
    assert list(roster.devices) == [(NS, "a"), (NS, "b")]


def test_what_is_heard_again_is_no_news() -> None:
    roster = Roster()
    roster.hear(NS, "a", worker("t"), 0)
    assert roster.hear(NS, "a", worker("t", busy=5), 1) == []
    assert roster.busy(NS, "q") == 5


def test_a_new_task_or_queue_is_news() -> None:
    roster = Roster()
    roster.hear(NS, "a", worker("t"), 0)
    assert roster.hear(NS, "a", worker("t", "u"), 1) == ["u"]
    assert roster.hear(NS, "a", worker("t", "u", queue="r"), 2) == ["t", "u"]
    assert roster.serving(NS, "t") == ["r"]
    assert roster.crew(NS, "q") == Crew()
    assert roster.hear(NS, "a", worker("t", queue=None), 3) == []
    assert roster.serving(NS, "t") == []


def test_who_goes_or_is_silent_is_forgotten() -> None:
    roster = Roster()
    roster.hear(NS, "a", worker("t"), 0)
    roster.hear(NS, "b", worker("t"), 1)
    roster.hear(NS, "c", worker("t"), 0)
    assert roster.hear(NS, "c", Presence(gone=True), 0) == []
    assert roster.hear(NS, "unknown", Presence(gone=True), 0) == []
    assert roster.expire(PRESENCE_TTL_US) == 0
    assert roster.expire(PRESENCE_TTL_US + 1) == 1
    assert list(roster.devices) == [(NS, "b")]
    roster.forgive(PRESENCE_TTL_US)
    assert roster.expire(2 * PRESENCE_TTL_US) == 0
    assert roster.expire(2 * PRESENCE_TTL_US + 1) == 1
    assert roster.serving(NS, "t") == []


def test_devices_that_are_only_addressed_singly_serve_no_queue() -> None:
    roster = Roster()
    assert roster.hear(NS, "scanner", worker("scan", queue=None), 0) == []
    assert (roster.serving(NS, "scan"), list(roster.queues)) == ([], [])
    assert roster.expire(PRESENCE_TTL_US + 1) == 1


def test_a_task_announced_twice_by_one_worker_counts_once() -> None:
    roster = Roster()
    roster.hear(NS, "a", worker("t", "t"), 0)
    roster.hear(NS, "a", Presence(gone=True), 0)
    assert roster.serving(NS, "t") == []


def test_a_queue_takes_anything_when_nobody_or_somebody_without_tasks_serves_it() -> None:
    roster = Roster()
    assert roster.takes_anything(NS, "q")
    roster.hear(NS, "a", worker("t"), 0)
    assert not roster.takes_anything(NS, "q")
    roster.hear(NS, "b", worker(), 0)
    assert roster.takes_anything(NS, "q")


def test_nobody_has_less_than_one_slot() -> None:
    roster = Roster()
    roster.hear(NS, "liar", worker("t", slots=-5), 0)
    assert roster.crew(NS, "q") == Crew(workers=1, slots=1, smallest=1)


def test_devices_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_DEVICES", 1)
    roster = Roster()
    roster.hear(NS, "a", worker("t"), 0)
    assert roster.hear(NS, "b", worker("u"), 0) == []
    assert (len(roster), roster.serving(NS, "u")) == (1, [])


def test_the_free_slots_of_a_device_are_those_that_nobody_took() -> None:
    roster = Roster()
    assert roster.free(NS, "a") == 0, "it is not there"
    roster.hear(NS, "a", worker("t", slots=3), 0)
    for id_ in ("1", "2"):
        roster.give(NS, "a", id_)
    assert roster.free(NS, "a") == 1
    roster.take_back(NS, "a", "1", done=False)
    assert roster.free(NS, "a") == 2
    roster.take_back(NS, "a", "2", done=False)
    roster.take_back(NS, "a", "2", done=False)
    roster.take_back(NS, "gone", "3", done=True)
    assert roster.free(NS, "a") == 3


def said(instance: str | None, *, gone: bool = False) -> Presence:
    return Presence(tasks=["t"], queue="q", instance=instance, gone=gone)


def test_two_processes_of_one_name_are_told_once_a_minute_while_it_lasts() -> None:
    """They say it in turn, every three seconds each."""
    roster, told = Roster(), []
    for second in range(0, 66, 3):
        for half, instance in enumerate("ab"):
            now_us = second * 1_000_000 + half * 1_000_000 + 1
            roster.hear("default", "d", said(instance), now_us)
            if roster.tell_twice("default", "d", now_us):
                told.append(second)

    device = roster.devices["default", "d"]
    assert told == [3, 63]
    assert device.is_twice(64_000_001)
    for second in range(66, 80, 3):
        roster.hear("default", "d", said("b"), second * 1_000_000)
    assert not device.is_twice(79_000_000)
    assert not roster.tell_twice("default", "d", 79_000_000)


def test_however_many_have_one_name_it_is_told() -> None:
    """Ten of them, two of which do not say who they are."""
    roster = Roster()
    heard = [f"p{n}" for n in range(MAX_OTHERS)] + [None]
    for turn in range(2):
        for n, instance in enumerate(heard):
            roster.hear("default", "d", said(instance), turn * 3_000_000 + n + 1)
    assert roster.tell_twice("default", "d", 3_000_010)
    for n in range(3):
        roster.hear("default", "d", said(f"another {n}"), 4_000_000 + n)
    assert len(roster.devices["default", "d"].others) == MAX_OTHERS


def test_a_process_that_takes_the_place_of_another_is_not_two() -> None:
    """Nor does the end of the one before take it away, when that is heard later."""
    roster = Roster()
    roster.hear("default", "d", said("a"), 1)
    roster.hear("default", "d", said("b"), 2)
    roster.hear("default", "d", said("a", gone=True), 3)

    assert not roster.tell_twice("default", "d", 3)
    assert len(roster) == 1
    roster.hear("default", "d", said(None, gone=True), 4)
    assert len(roster) == 0
    roster.hear("default", "nobody", said("a", gone=True), 5)
    assert not roster.tell_twice("default", "nobody", 5)
