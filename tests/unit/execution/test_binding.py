"""Where an attempt goes that names no queue."""

from services.execution.core.attempt import State
from services.execution.core.effects import Move

from .given import NS, T0, admission, admit, attempt, ids, present, send


def test_it_goes_to_the_queue_whose_workers_announce_its_task() -> None:
    core = admission()
    present(core, "w1", queue="other", tasks=["u"])
    present(core, "w2", queue="right", tasks=["t", "v"])
    one = attempt("a", queue=None)
    admit(core, one)
    assert [(m.queue, ids([m])) for m in send(core)] == [("right", [["a"]])]


def test_of_several_queues_it_goes_to_that_with_the_least_work_a_slot() -> None:
    core = admission()
    present(core, "w1", queue="small", slots=10)
    present(core, "w2", queue="large", slots=20)
    admit(core, *[attempt(f"{n}", queue=None) for n in range(30)])
    sent = {m.queue: 0 for m in core.cut()}
    assert sent.keys() == {"small", "large"}
    assert {line.queue: line.out for line in core.lines} == {"small": 10, "large": 20}


def test_announced_by_nobody_it_is_parked_in_default_alone() -> None:
    core = admission()
    one, two = attempt("a", queue=None), attempt("b", queue=None)
    admit(core, one, two)
    assert [(m.queue, ids([m])) for m in send(core)] == [
        ("default", [["a"]]),
        ("default", [["b"]]),
    ]
    assert one.parked


def test_announced_by_nobody_it_waits_where_all_of_default_announce_others() -> None:
    core = admission()
    present(core, "w", queue="default", tasks=["u"])
    one = attempt("a", queue=None)
    admit(core, one)
    assert (one.state, core.counts.unbound, core.cut()) == (State.UNBOUND, 1, [])
    present(core, "v", queue="right", tasks=["t"])
    assert [m.queue for m in send(core)] == ["right"]
    assert core.counts.unbound == 0


def test_a_worker_that_announces_nothing_takes_anything() -> None:
    core = admission()
    present(core, "w", queue="default", tasks=["u"])
    present(core, "plain", queue="default", tasks=[])
    admit(core, attempt("a", queue=None))
    assert [m.queue for m in send(core)] == ["default"]


def test_unbound_and_withdrawn_it_is_gone() -> None:
    core = admission()
    present(core, "w", queue="default", tasks=["u"])
    admit(core, attempt("a", queue=None))
    assert core.withdraw(["a"]) == []
    assert core.counts == (0, 0, 0, 0, 0)
    present(core, "v", queue="right", tasks=["t"])
    assert core.cut() == []


def test_parked_it_is_moved_when_somebody_announces_its_task() -> None:
    core = admission()
    one = attempt("a", queue=None)
    admit(core, one)
    send(core, 5)
    assert present(core, "v", queue="right", tasks=["t"]) == [Move(one, 5)]
    core.moved(one, 4)
    assert one.queue == "default", "that was another message of it"
    core.moved(one, 5)
    assert [m.queue for m in send(core, 6)] == ["right"]
    assert (one.parked, one.seq) == (False, 6)
    core.moved(one, 5)
    assert one.state is State.OUT


def test_parked_and_not_moved_when_it_should_have_been_it_is_moved_later() -> None:
    core = admission()
    one = attempt("a", queue=None)
    admit(core, one)
    send(core, 5)
    assert present(core, "v", queue="right", tasks=["t"]) == [Move(one, 5)]
    # The store was away: nothing came of it, and the workflow service dispatches it again.
    assert core.repeated(one, None, T0, again=False) == []
    assert core.repeated(one, None, T0, again=True) == [Move(one, 5)]


def test_parked_and_held_it_is_bound_anew_at_once() -> None:
    core = admission()
    admit(core, *[attempt(f"{n}", queue=None) for n in range(1_001)])
    send(core)
    moves = present(core, "v", queue="right", tasks=["t"])
    assert len(moves) == 1_000
    assert [m.queue for m in send(core)] == ["right"]
    assert {line.queue: line.waiting for line in core.lines} == {"default": 0, "right": 0}


def test_parked_while_being_sent_it_is_moved_when_it_is_stored() -> None:
    core = admission()
    one = attempt("a", queue=None)
    admit(core, one)
    (message,) = core.cut()
    assert present(core, "v", queue="right", tasks=["t"]) == []
    assert core.stored(message, 5) == [Move(one, 5)]


def test_parked_it_stays_when_a_worker_of_default_announces_its_task() -> None:
    core = admission()
    admit(core, attempt("a", queue=None))
    send(core)
    assert present(core, "w", queue="default", tasks=["t"]) == []
    assert present(core, "v", queue="right", tasks=["t"]) == []


def test_parked_it_is_taken_back_when_those_who_come_to_default_announce_others() -> None:
    core = admission()
    one = attempt("a", queue=None)
    elsewhere = attempt("b", queue=None)
    elsewhere.namespace = "another"
    admit(core, one, elsewhere)
    send(core, 5)
    assert present(core, "w", queue="default", tasks=["u"]) == [Move(one, 5)]
    core.moved(one, 5)
    assert (one.state, one.queue) == (State.UNBOUND, None)
    present(core, "v", queue="right", tasks=["t"])
    assert [m.queue for m in send(core)] == ["right"]


def test_recovered_from_default_it_is_known_to_be_parked_when_it_is_dispatched_again() -> None:
    core = admission()
    present(core, "v", queue="right", tasks=["t"])
    one = attempt("a", queue="default")
    core.recover(one, 3, True, T0)
    assert core.repeated(one, None, T0, again=True) == [Move(one, 3)]


def test_recovered_from_default_it_stays_while_nobody_announces_its_task() -> None:
    core = admission()
    one = attempt("a", queue="default")
    core.recover(one, 3, True, T0)
    assert core.repeated(one, None, T0, again=True) == []
    assert one.parked
    assert present(core, "v", queue="right", tasks=["t"]) == [Move(one, 3)]


def test_recovered_with_others_in_its_message_it_is_not_moved() -> None:
    core = admission()
    one = attempt("a", queue="default")
    core.recover(one, 3, False, T0)
    present(core, "v", queue="right", tasks=["t"])
    assert core.repeated(one, None, T0, again=True) == []


def test_unbound_it_stays_when_who_announced_its_task_is_elsewhere_or_gone() -> None:
    core = admission()
    present(core, "w", queue="default", tasks=["u"])
    one = attempt("a", queue=None)
    admit(core, one)
    core.announced("another", "right", ["t"])
    core.announced(NS, "gone-again", ["t"])
    assert (one.state, one.namespace) == (State.UNBOUND, NS)
