"""A lane's desk as time passes: what it forgets, answers for, hands over and asks for."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.execution import beginning
from services.execution import desk as desk_module
from services.execution.beginning import OPEN_FIRST_WAIT_S
from services.execution.core import limits
from services.execution.core.effects import Short, Silent, StopOwn, Verify
from services.execution.core.roster import Roster
from services.execution.parts import Parts, Question
from stretto.contracts.codec import pack
from stretto.contracts.frames import DispatchFrame
from stretto.telemetry import names

from .desks import AWAY, PATIENCE_S, attempt_id, place, rated, record
from .given import attempt

# --- what time does


async def test_time_passes_for_who_is_connected_and_nobodys_silence_counts_while_it_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    async with place() as here:
        for name in ("tick", "deaf"):
            given = partial(asked.append, name)
            monkeypatch.setattr(here.desk.core, name, lambda _now, given=given: given() or [])
        ticking = asyncio.ensure_future(here.desk._tick())
        for connected in (False, True):
            here.wire.is_connected = connected
            await here.ticks()
        ticking.cancel()

    assert asked == ["deaf", "tick"]


async def test_attempts_whose_messages_left_the_stream_without_a_result_are_forgotten(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(desk_module, "RECONCILE_EVERY_TICKS", 1)
    monkeypatch.setattr(beginning, "ANSWERED_FOR_US", 0)
    monkeypatch.setattr(limits, "FORGET_AFTER_US", 0)
    firsts = [None, 1, 10]

    async def bounds() -> Any:
        first = firsts.pop(0)
        if first is None:
            raise AWAY
        return SimpleNamespace(first=first)

    async with place() as here:
        desk = here.desk
        desk._work = cast(Any, SimpleNamespace(bounds=bounds))
        await here.take(record("a"))
        await here.sends()
        await here.stores(seq=5)
        ticking = asyncio.ensure_future(desk._tick())

        await here.ticks()
        assert caplog.messages == ["work stream not looked at"]
        assert desk._answered.open, "nothing was sent to us yet"
        desk._beginning.open_since_us = 1
        await here.ticks()
        assert desk.counts.out == 1, "its message is still in the stream"
        assert not desk._answered.open
        with caplog.at_level(logging.INFO):
            await here.ticks()
        assert desk.counts.out == 0
        assert caplog.messages[1:] == ["attempts without a result forgotten"]
        ticking.cancel()


async def test_a_hand_over_waits_so_long_for_work_to_be_stored(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(desk_module, "OWN_PATIENCE_S", 0.01)
    async with place() as here:
        await here.take(record("a"))
        await here.sends()
        handing = asyncio.ensure_future(here.desk.hand_over())
        await asyncio.wait_for(here.clock.until_sleeping(), PATIENCE_S)
        await here.clock.advance(desk_module.HAND_OVER_S)
        await asyncio.wait_for(handing, PATIENCE_S)

    assert caplog.messages == ["work not stored at the end"]


async def test_what_is_no_frame_is_buried_and_so_is_one_with_a_record_of_no_task() -> None:
    async with place() as here:
        acknowledged: list[int] = []

        def ack() -> None:
            acknowledged.append(1)

        await here.desk.take(cast(Any, SimpleNamespace(data=b"?", ack=ack)))
        never = record("a", deadline_us=2**63)
        frame = DispatchFrame([never], [], 1)
        await here.desk.take(cast(Any, SimpleNamespace(data=pack(frame), ack=ack)))

        assert here.buried == ["execution.not_a_frame", "execution.bad_record"]
        assert acknowledged == []


async def test_open_attempts_are_asked_for_until_somebody_answers() -> None:
    async with place() as here:
        asked: list[str] = []

        async def request(subject: str, _data: bytes) -> None:
            asked.append(subject)
            if len(asked) == 1:
                raise AWAY

        here.wire.request = request  # type: ignore[attr-defined]
        here.results.caught_up.set()
        asking = asyncio.ensure_future(here.desk._beginning.ask_open(here.results.caught_up.wait))
        await asyncio.wait_for(here.clock.until_sleeping(), PATIENCE_S)
        await here.clock.advance(OPEN_FIRST_WAIT_S)
        await asyncio.wait_for(asking, PATIENCE_S)

        assert asked == ["stretto.api.workflow.open"] * 2
        assert here.desk._beginning.open_since_us == here.clock.now_us()


# --- what it answers for


async def test_what_is_silent_and_what_asks_for_more_than_there_is_is_answered_for() -> None:
    async with place() as here:
        answered: list[tuple[str, str]] = []
        here.desk._outbox = cast(
            Any,
            SimpleNamespace(
                add=lambda _reply, result: answered.append((result.id, result.failure.type))
            ),
        )
        silent, short = attempt("s"), attempt("m")

        here.desk._do([Silent(silent, 1.0), Short(short, "needs 2 gpu, there is 1 in all")])

        assert answered == [("s", "HeartbeatTimeout"), ("m", "ResourceShortage")]
        assert here.metrics.counters()[names.METRIC_EXECUTION_LOST] == 1


async def test_a_task_of_ours_that_nobody_wants_is_stopped_and_the_rest_is_an_errand() -> None:
    async with place() as here:
        stopped: list[str] = []
        errands: list[object] = []
        here.desk._house = cast(Any, SimpleNamespace(stop=stopped.extend))
        here.desk._errands = cast(Any, SimpleNamespace(add=errands.append))
        verify = Verify(attempt("v"), 3)

        here.desk._do([StopOwn(attempt("o")), verify])

        assert (stopped, errands) == (["o"], [verify])


async def test_what_waits_for_resources_is_looked_at_with_every_tick() -> None:
    async with place() as here:
        here.desk._look_at_resources(here.clock.now_us())
        assert not here.desk._changed.is_set(), "nobody waits"
        await here.take(record("a", resources={"gpu": 1}))
        await here.sends()
        assert here.wire.sent == [], "there is none yet"

        here.desk._look_at_resources(here.clock.now_us())

        assert here.desk._changed.is_set(), "devices may have come"


async def test_where_an_attempt_is_that_the_rate_of_its_key_keeps_back_is_told() -> None:
    async with place() as here:
        await here.take(rated("a"), rated("b"))
        await here.sends()
        lanes = [SimpleNamespace(number=0, desk=here.desk)]
        parts = Parts("here", cast(Any, here.wire), Roster(), cast(Any, lanes), {})

        [told] = parts._routed([attempt_id("a"), attempt_id("b")])

        assert (told.id, told.at) == (attempt_id("b"), "rate")
        assert told.reason is not None and "for the rate of key 'acme': 1/s" in told.reason
        [own] = await parts.gather(Question())
        [view] = own.rates
        assert (view.key, view.limit, view.waiting) == ("acme", "1/s", 1)
