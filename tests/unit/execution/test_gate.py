"""Rates of keys, in virtual time: who waits for the rate of a key, and when it goes on."""

import pytest

from services.execution.core import gate as gates
from services.execution.core.attempt import Attempt
from services.execution.core.gate import Gate, Told, rate_sentence
from stretto.contracts.admission import Rate
from stretto.contracts.frames import DispatchRecord, RateRecord

from .given import NS, T0, S, attempt


def record(
    key: str, per_s: float = 1.0, burst: float = 1.0, queue: str | None = "q"
) -> DispatchRecord:
    return DispatchRecord(
        bytes(16), "s", 1, NS, "t", queue, b"{}", 0, rate=RateRecord(key, per_s, burst)
    )


def come(gate: Gate, key: str, *ids: str, now_us: int = T0, **rate: float) -> None:
    for id_ in ids:
        assert gate.admit(record(key, **rate), attempt(id_), now_us)


def went(gate: Gate, now_us: int, *, sent: bool = True) -> list[str]:
    """Who goes on now; at once sent."""
    passed = [ticket.attempt.id for ticket in gate.passing(now_us)]
    for id_ in passed if sent else ():
        gate.sent(id_, now_us)
    return passed


def test_each_key_lets_out_its_burst_and_then_by_its_rate() -> None:
    gate = Gate({})
    come(gate, "acme", "a1", "a2", "a3", "a4", per_s=0.5, burst=2)
    come(gate, "blue", "b1", "b2", per_s=0.5, burst=1)
    assert went(gate, T0) == ["a1", "a2", "b1"]
    assert gate.pause_us(T0) == 2 * S
    assert went(gate, T0 + 2 * S - 1) == []
    assert went(gate, T0 + 2 * S) == ["a3", "b2"]
    assert went(gate, T0 + 4 * S) == ["a4"]
    assert gate.pause_us(T0 + 4 * S) is None
    assert len(gate) == 0


def test_who_waits_for_a_slot_with_its_token_does_not_let_tokens_add_up() -> None:
    gate = Gate({})
    come(gate, "acme", "1", "2", "3", "4")
    assert went(gate, T0, sent=False) == ["1"]
    assert went(gate, T0 + 60 * S) == [], "nobody took the slot for a minute"
    assert gate.pause_us(T0 + 60 * S) is None
    assert [told.next_us for told in gate.keys(T0 + 60 * S)] == [None]
    gate.sent("1", T0 + 60 * S)
    assert went(gate, T0 + 60 * S) == []
    assert went(gate, T0 + 61 * S) == ["2"]


def test_whoever_goes_before_it_is_sent_gives_its_token_back() -> None:
    gate = Gate({})
    come(gate, "acme", "1", "2", "3", "4")
    assert went(gate, T0, sent=False) == ["1"]
    assert gate.forget("1", T0 + 1) is None
    assert went(gate, T0 + 1, sent=False) == ["2"]
    gate.settle(T0 + 2, lambda each: True)
    assert went(gate, T0 + 10 * S) == []
    gate.settle(T0 + 10 * S, lambda each: False)  # it ended, and nobody said so
    assert went(gate, T0 + 11 * S) == ["3"]


def test_whoever_is_withdrawn_takes_no_token() -> None:
    gate = Gate({})
    come(gate, "acme", *[f"{n}" for n in range(200)])
    assert went(gate, T0) == ["0"]
    for number in range(1, 199):
        found = gate.forget(f"{number}", T0)
        assert isinstance(found, Attempt)
    assert gate.forget("7", T0) is None
    assert "199" in gate and "7" not in gate
    assert went(gate, T0 + S) == ["199"]
    come(gate, "acme", "last", now_us=T0 + S)
    assert gate.forget("last", T0 + S) is not None
    assert gate.pause_us(T0 + S) is None


def test_the_urgent_of_a_key_go_first() -> None:
    gate = Gate({})
    for id_, priority in (("low", 1), ("high", 9), ("usual", 5)):
        gate.admit(record("acme"), attempt(id_, priority=priority), T0)
    assert [went(gate, T0 + n * S) for n in range(3)] == [["high"], ["usual"], ["low"]]


def test_the_rate_that_came_last_holds() -> None:
    gate = Gate({})
    come(gate, "acme", *[f"{n}" for n in range(8)], per_s=0.1)
    assert went(gate, T0) == ["0"]
    come(gate, "acme", "more", now_us=T0, per_s=1.0, burst=3)
    assert went(gate, T0 + 10 * S) == ["1", "2", "3"]


def test_what_is_configured_for_the_keys_of_a_queue_holds_too() -> None:
    gate = Gate(
        {"q": Rate(1.0, 1.0, "key"), "other": Rate(9.0, 9.0), "default/low": Rate(2.0, 2.0, "key")}
    )
    assert not gate.admit(record("acme", 0.0, 0.0, "other"), attempt("x"), T0)
    assert not gate.admit(record("acme", 0.0, 0.0, None), attempt("x"), T0)
    assert gate.admit(record("acme", 0.0, 0.0), attempt("1"), T0)
    assert gate.admit(record("acme", 0.0, 0.0), attempt("2"), T0)
    assert gate.admit(record("acme", 5.0, 1.0, "low"), attempt("3"), T0), "a bucket of its own"
    assert went(gate, T0) == ["1", "3"]
    told = {(each.rate, each.queue) for each in gate.keys(T0)}
    assert told == {(Rate(1.0, 1.0, "key"), "q")}
    assert gate.admit(record("rest", 5.0, 0.0, None), attempt("4"), T0)
    assert gate.told("4", T0) is not None
    assert gate.told("4", T0)[1].rate == Rate(5.0, 5.0, "key")  # type: ignore[index]


def test_keys_that_nobody_waits_for_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "MAX_KEYS", 4)
    gate = Gate({})
    for number in range(10):
        come(gate, f"k{number}", f"{number}")
        went(gate, T0)
    assert len(gate._keys) <= 4
    come(gate, "k0", "again", now_us=T0 + 9 * S)
    assert gate.forget("again", T0 + 9 * S) is not None


def test_so_many_wait_at_most_before_no_more_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "MAX_HELD", 2)
    gate = Gate({})
    come(gate, "acme", "1")
    assert not gate.full
    come(gate, "acme", "2")
    assert gate.full


def test_what_is_waited_for_is_told() -> None:
    gate = Gate({})
    come(gate, "acme", "1", "2", "3", per_s=1 / 3)
    went(gate, T0)
    assert gate.told("1", T0) is None
    waiting = gate.told("2", T0)
    assert waiting is not None
    assert (
        rate_sentence(waiting[1])
        == "for the rate of key 'acme': 20/m, 1 in 3 s; 1 other waits for it"
    )
    some = Told(NS, "x", Rate(0.00001, 1.0), 1, None)
    assert rate_sentence(some) == "for the rate of key 'x': 0.864/d, taken by what waits for a slot"
    some = Told(NS, "x", Rate(2.0, 1.0), 3, 0)
    assert rate_sentence(some) == "for the rate of key 'x': 2/s, 1 in 1 s; 2 others wait for it"


def test_a_key_whose_token_was_given_back_is_as_if_it_had_never_been_asked_for() -> None:
    gate = Gate({})
    come(gate, "acme", "1")
    assert went(gate, T0, sent=False) == ["1"]
    assert len(gate._keys) == 1

    assert gate.forget("1", T0) is None
    gate.sent("1", T0)

    assert not gate._keys
