"""Where attempts come in: what is known is not taken twice, and what a rate kept back goes on to
where it belongs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import msgspec

from services.execution.core.answered import Answered
from services.execution.core.attempt import Attempt, State
from services.execution.core.gate import Gate
from services.execution.entrance import Entrance
from services.execution.intake import id_of
from stretto.contracts.frames import DispatchFrame, DispatchRecord, RateRecord
from stretto.testkit.clock import FakeClock

from .given import NS, S, admission

ROUTE = b'{"where":"true"}'


class Place:
    """A lane's entrance, with what it sends where."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.core = admission()
        self.gate = Gate({})
        self.answered = Answered()
        self.own: list[str] = []
        self.routed: list[str] = []
        self.repeated: list[str] = []
        devices = SimpleNamespace(get=lambda _id: None, waits=lambda id_: id_ in self.routed)
        router = SimpleNamespace(
            core=devices,
            admit=lambda _record, attempt: self.routed.append(attempt.id),
            withdraw=lambda _ids: None,
        )
        house = SimpleNamespace(run=lambda own: self.own.extend(each.id for each in own))
        self.entrance = Entrance(
            self.core,
            self.gate,
            cast(Any, router),
            cast(Any, house),
            answered=self.answered,
            clock=self.clock,
            do=lambda _effects: None,
            answer=lambda attempt, _failure: self.repeated.append(attempt.id),
        )

    def admit(self, *records: DispatchRecord) -> str | None:
        return self.entrance.admit(DispatchFrame(list(records), [], self.clock.now_us()))

    def known(self, record: DispatchRecord) -> Attempt | None:
        return self.core.get(id_of(record))


def record(path: str, task: str = "t", **more: Any) -> DispatchRecord:
    made = DispatchRecord(bytes(16), path, 1, NS, task, "q", b"{}", 0)
    return msgspec.structs.replace(made, **more)


def rated(path: str, task: str = "t", **more: Any) -> DispatchRecord:
    return record(path, task, rate=RateRecord("acme", 1.0, 1.0), **more)


def test_a_task_of_the_service_itself_runs_again_when_it_is_dispatched_again() -> None:
    place, task = Place(), record("a", "std.echo", queue=None)
    place.admit(task)
    assert place.known(task) is not None and place.own == [id_of(task)]

    place.admit(msgspec.structs.replace(task, again=True))
    place.admit(task)

    assert place.own == [id_of(task)] * 2, "once more, as its result may be lost"


def test_what_waits_for_its_rate_is_taken_once_and_goes_on_to_where_it_belongs() -> None:
    place = Place()
    own, queued, routed = (
        rated("a", "std.echo", queue=None), rated("b"), rated("c", route=ROUTE)
    )  # fmt: skip
    place.admit(own, queued, routed, queued)
    assert len(place.gate) == 3

    now_us = place.clock.now_us()
    place.entrance.let_in(now_us)
    assert (place.own, place.known(queued)) == ([id_of(own)], None)
    place.entrance.let_in(now_us + S)
    sent = place.known(queued)
    assert sent is not None
    place.entrance.let_in(now_us + 2 * S)
    assert place.routed == [], "a token comes when the one before it is used"
    place.entrance.sent(sent)
    place.entrance.let_in(now_us + 3 * S)

    assert place.routed == [id_of(routed)]
    assert len(place.gate) == 0


def test_what_has_ended_before_it_was_sent_gives_its_token_back() -> None:
    place, first = Place(), rated("a")
    place.admit(first)
    place.entrance.let_in(place.clock.now_us())
    attempt = place.known(first)
    assert attempt is not None and attempt.state is not State.OWN

    place.entrance.settle()
    assert place.gate._passed, "it is here, and not sent"
    place.core.finished(attempt.id)
    place.entrance.settle()

    assert not place.gate._passed


def test_what_was_answered_since_the_lane_was_taken_is_not_taken_again() -> None:
    place, again = Place(), record("a", again=True)
    place.answered.note([id_of(again)])

    place.admit(again)

    assert place.known(again) is None
