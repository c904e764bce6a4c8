"""Tasks that attempts wait for and nobody who is present does."""

from services.execution.core.attempt import Attempt, State
from services.execution.core.roster import Roster
from services.execution.core.unknown import Unknown, added_up, unknown_tasks
from stretto.contracts.public import Presence

NS = "default"


def waiting(task: str, queue: str | None, at_us: int = 5, *, parked: bool = False) -> Attempt:
    attempt = Attempt(
        id_=f"r:{task}:1", namespace=NS, task=task, queue=queue, payload=b"{}", reply="r"
    )
    attempt.arrived_us = at_us
    attempt.parked = parked
    attempt.state = State.HELD
    return attempt


def roster(*present: tuple[str, str | None, list[str]]) -> Roster:
    made = Roster()
    for name, queue, tasks in present:
        made.hear(NS, name, Presence(queue=queue, tasks=tasks), 0)
    return made


def test_a_queue_that_nobody_serves_is_told() -> None:
    attempts = [waiting("t", "q", 7), waiting("t", "q", 5)]
    assert unknown_tasks(attempts, roster()) == [Unknown(NS, "t", "q", 2, 5, 0)]


def test_workers_that_do_other_tasks_are_counted() -> None:
    there = roster(("a", "q", ["u"]), ("b", "other", ["t"]))
    assert unknown_tasks([waiting("t", "q")], there) == [Unknown(NS, "t", "q", 1, 5, 1)]


def test_a_task_of_any_queue_is_known_where_one_worker_does_it() -> None:
    parked = waiting("t", "default", parked=True)
    assert unknown_tasks([parked], roster(("b", "other", ["t"]))) == []
    assert unknown_tasks([parked], roster(("b", "other", ["u"]))) == [
        Unknown(NS, "t", None, 1, 5, 0)
    ]


def test_a_worker_that_announces_nothing_may_do_everything_of_its_queue() -> None:
    there = roster(("plain", "default", []))
    assert unknown_tasks([waiting("t", "default", parked=True)], there) == []
    assert unknown_tasks([waiting("t", "default")], there) == []


def test_tasks_of_the_service_itself_are_no_workers_business() -> None:
    own = waiting("std.echo", None)
    own.state = State.OWN
    assert unknown_tasks([own], roster()) == []


def test_those_that_wait_longest_come_first() -> None:
    found = unknown_tasks([waiting("b", "q", 2), waiting("a", "q", 1)], roster())
    assert [each.task for each in found] == ["a", "b"]


def test_what_several_lanes_found_is_added_up_and_the_oldest_counts() -> None:
    found = [Unknown(NS, "t", "q", 2, 5, 1), Unknown(NS, "u", None, 1, 4, 0)]
    found += [Unknown(NS, "t", "q", 3, 2, 1)]
    assert added_up(found) == [Unknown(NS, "t", "q", 5, 2, 1), Unknown(NS, "u", None, 1, 4, 0)]
