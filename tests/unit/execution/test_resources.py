"""Named resources: all at once or nothing, never more than there is, and nobody waits for ever."""

from services.execution.core.admission import Admission
from services.execution.core.attempt import Attempt, State
from services.execution.core.effects import Short
from services.execution.core.resources import PATIENCE_US, RESERVE_AFTER_US
from services.execution.core.roster import Roster
from stretto.contracts.admission import Rate
from stretto.contracts.public import Presence

from .given import NS, T0, S, admit, attempt, present


def _core(slots: int = 100, **capacity: int) -> Admission:
    core = Admission(Roster(), capacity)
    core.tick(T0)
    present(core, "w", slots=slots)
    return core


def _needs(id_: str, **demand: int) -> Attempt:
    return attempt(id_, demand=tuple(sorted(demand.items())))


def _out(core: Admission, now_us: int = T0) -> list[str]:
    found = []
    for seq, sending in enumerate(core.cut(now_us), 1):
        core.stored(sending, seq)
        found += [each.id for each in sending.attempts]
    return found


def test_no_more_is_given_than_there_is_and_a_result_gives_it_back() -> None:
    core = _core(gpu=2)
    admit(core, _needs("a", gpu=1), _needs("b", gpu=1), _needs("c", gpu=1))
    assert _out(core) == ["a", "b"]
    assert (core.pool.used, core.pool.waiting) == ({"gpu": 2}, {"gpu": 1})
    core.finished("a")
    assert _out(core) == ["c"]
    core.finished("b")
    core.finished("c")
    assert core.pool.used == {}


def test_who_waits_for_one_thing_holds_nothing_of_another() -> None:
    core = _core(gpu=1, cad=1)
    admit(core, _needs("a", gpu=1), _needs("both", gpu=1, cad=1), _needs("b", cad=1))
    assert _out(core) == ["a", "b"]
    assert core.pool.used == {"gpu": 1, "cad": 1}
    core.finished("a")
    assert _out(core) == []
    core.finished("b")
    assert _out(core) == ["both"]


def test_attempts_without_resources_pass() -> None:
    core = _core(gpu=1)
    admit(core, _needs("a", gpu=1), _needs("b", gpu=1), attempt("plain"))
    assert sorted(_out(core)) == ["a", "plain"]


def test_nothing_is_given_while_no_worker_has_a_slot() -> None:
    core = Admission(Roster(), {"gpu": 2})
    admit(core, _needs("a", gpu=1), _needs("b", gpu=1))
    assert _out(core) == []
    assert core.pool.used == {}
    present(core, "w", slots=1)
    assert _out(core) == ["a"]
    core.finished("a")
    assert _out(core) == ["b"]


def test_withdrawn_silent_and_moved_attempts_give_back_what_they_have() -> None:
    core = _core(gpu=1)
    beating = attempt("a", demand=(("gpu", 1),), heartbeat_s=1.0)
    admit(core, beating, _needs("b", gpu=1), _needs("c", gpu=1))
    assert _out(core) == ["a"]
    core.alive("a", T0)
    core.tick(T0 + S)
    core.tick(T0 + 2 * S)
    core.tick(T0 + 3 * S)
    assert beating.state is State.GONE
    assert _out(core) == ["b"]
    core.withdraw(["c"])
    core.withdraw(["b"])
    assert (core.pool.used, core.pool.has_waiting) == ({}, False)


def test_what_is_sent_again_keeps_what_it_has() -> None:
    core = _core(gpu=1)
    one = _needs("a", gpu=1)
    admit(core, one, _needs("b", gpu=1))
    assert _out(core) == ["a"]
    core.store_lost()
    assert core.pool.used == {"gpu": 1}
    assert _out(core) == ["a"]
    core.store_lost()
    core.withdraw(["a"])
    assert _out(core) == ["b"]


def test_what_is_found_in_the_stream_has_its_resources() -> None:
    core = _core(gpu=1)
    found = _needs("a", gpu=1)
    core.recover(found, 3, True, T0)
    admit(core, _needs("b", gpu=1))
    assert _out(core) == []
    core.finished("a")
    assert _out(core) == ["b"]


def test_a_large_demand_is_passed_for_a_while_and_then_kept_for() -> None:
    core = _core(gpu=4)
    admit(core, _needs("s1", gpu=1))
    assert _out(core) == ["s1"]
    admit(core, _needs("large", gpu=4), now_us=T0 + 1)
    admit(core, _needs("s2", gpu=1), now_us=T0 + 2)
    assert _out(core, T0 + 3) == ["s2"]
    later = T0 + 1 + RESERVE_AFTER_US
    admit(core, _needs("s3", gpu=1), now_us=later)
    assert _out(core, later) == []
    core.finished("s1")
    core.finished("s2")
    assert _out(core, later) == ["large"]
    core.finished("large")
    assert _out(core, later) == ["s3"]


def test_priority_says_who_gets_them() -> None:
    core = _core(gpu=1)
    first = _needs("first", gpu=1)
    admit(core, first)
    _out(core)
    low = attempt("low", demand=(("gpu", 1),), priority=1)
    high = attempt("high", demand=(("gpu", 1), ("x", 0)), priority=9)
    admit(core, low, high)
    core.finished("first")
    assert _out(core) == ["high"]


def test_a_demand_above_all_that_is_configured_fails_at_once() -> None:
    core = _core(gpu=2)
    one = _needs("a", gpu=3)
    admit(core, one)
    assert _out(core) == []
    assert core.short(T0) == [Short(one, "needs 3 gpu, there are 2 in all")]
    assert core.counts.known == 0
    assert core.short(T0) == []


def test_what_only_devices_bring_is_waited_for() -> None:
    core = _core()
    one, two = _needs("a", scope=2), _needs("b", scope=2)
    admit(core, one)
    assert core.short(T0 + S) == []
    presence = Presence(device="d", slots=0, resources={"scope": 1})
    core.roster.hear(NS, "d", presence, T0)
    assert core.pool.shortage((("scope", 2),)) == "needs 2 scope, there is 1 in all"
    core.roster.hear(NS, "d", Presence(device="d", slots=0, resources={"scope": 2}), T0)
    core.short(T0 + S)
    assert _out(core) == ["a"]
    core.roster.hear(NS, "d", Presence(device="d", gone=True), T0)
    assert core.pool.capacity("scope") == 0
    admit(core, two)
    assert core.short(T0 + PATIENCE_US - 1) == []
    assert core.short(T0 + PATIENCE_US) == [Short(two, "needs 2 scope, there are 0 in all")]
    assert core.pool.names == ["scope"]


def test_ten_thousand_wait_for_one_and_places_of_the_gone_are_given_up() -> None:
    core = _core(gpu=1)
    admit(core, *[_needs(f"{n}", gpu=1) for n in range(10_000)])
    assert _out(core) == ["0"]
    core.withdraw([f"{n}" for n in range(1, 9_990)])
    (group,) = core.pool._groups.values()
    assert group.order.size < 200
    went = []
    for _ in range(10):
        core.finished(went[-1] if went else "0")
        went += _out(core)
    assert went == [f"{n}" for n in range(9_990, 10_000)]


def test_a_workflow_that_may_not_go_on_yet_leaves_resources_to_the_others() -> None:
    core = Admission(Roster(), {"gpu": 2}, {"q": Rate(1.0, 1.0, "workflow")})
    core.tick(T0)
    present(core, "w")
    for id_, workflow in (("a1", "a"), ("a2", "a")):
        admit(core, attempt(id_, demand=(("gpu", 1),), workflow=workflow))

    assert _out(core) == ["a1"]
    admit(core, attempt("b1", demand=(("gpu", 1),), workflow="b"))
    assert _out(core) == ["b1"]
    core.finished("a1")

    assert _out(core) == [], "a has used its rate up"
    assert _out(core, T0 + 2 * S) == ["a2"]
