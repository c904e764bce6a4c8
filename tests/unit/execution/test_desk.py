"""A lane's desk on a wire that a test plays: what is sent, what results say, what time does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.execution import beginning
from services.execution import desk as desk_module
from services.execution.beginning import OPEN_FIRST_WAIT_S
from services.execution.core import limits
from services.execution.core.attempt import State
from services.execution.core.roster import Roster
from services.execution.desk import TICK_S, Desk
from services.execution.intake import id_of
from services.execution.measures import Measures
from services.execution.results import RESULTS_LINGER_S
from services.execution.settings import ExecutionSettings
from stretto.bus.publisher import PubAck
from stretto.contracts.codec import json_encode, pack
from stretto.contracts.frames import DispatchFrame, DispatchRecord, RateRecord
from stretto.contracts.ids import run_id_text
from stretto.runtime.errors import PermanentError, StrettoError, TransientError
from stretto.telemetry.metrics import Metrics
from stretto.telemetry.tracing import NoTracer
from stretto.testkit.clock import FakeClock

from .given import NS, S

AWAY = TransientError("bus.not_reachable", "expected the bus, but it is away")
PATIENCE_S = 10.0
RUN_ID = bytes(16)


class Wire:
    """A connection and a publisher: keeps what is sent, and stores or refuses it when told."""

    def __init__(self) -> None:
        self.is_connected = True
        self.inbox_prefix = "_INBOX"
        self.refuses: list[StrettoError] = []
        self.sent: list[bytes] = []
        self.out: list[asyncio.Future[list[PubAck]]] = []
        self.pushed = asyncio.Event()
        self.heard: list[Callable[..., None]] = []

    async def send(
        self, _subject: str, data: bytes, *, msg_id: str
    ) -> asyncio.Future[list[PubAck]]:
        assert msg_id
        if self.refuses:
            raise self.refuses.pop()
        self.sent.append(data)
        self.out.append(asyncio.get_running_loop().create_future())
        return self.out[-1]

    def push(self) -> None:
        self.pushed.set()

    async def subscribe(self, _subject: str, sink: Callable[..., None]) -> int:
        self.heard.append(sink)
        return 7

    async def unsubscribe(self, subscription: int) -> None:
        assert subscription == 7
        self.heard.clear()


class Place:
    """A desk, its wire and its clock."""

    def __init__(self, group: asyncio.TaskGroup, lane: int = 0, lanes: int = 1) -> None:
        self.wire, self.clock, self.metrics = Wire(), FakeClock(), Metrics()
        context = SimpleNamespace(
            connection=self.wire,
            publisher=self.wire,
            settings=ExecutionSettings(lanes=lanes, partitions=lanes),
            service="execution",
            instance="execution-1",
            clock=self.clock,
            tracer=NoTracer(),
        )
        measures = Measures(self.metrics)
        self.desk = Desk(cast(Any, context), lane, Roster(), measures, group)
        self.sender, self.results = self.desk._sender, self.desk._results
        self.buried: list[str] = []
        self.desk._letters = cast(Any, SimpleNamespace(bury=self._bury))

        async def made(*_: object) -> None:
            return None

        self.sender._ensure_queue = made  # type: ignore[method-assign]

    async def _bury(self, _message: object, code: str, _reason: str) -> None:
        self.buried.append(code)

    async def take(self, *records: DispatchRecord) -> None:
        """Let a frame arrive."""
        frame = DispatchFrame(list(records), [], self.clock.now_us())
        await self.desk.take(cast(Any, SimpleNamespace(data=pack(frame), ack=lambda: None)))

    async def sends(self) -> None:
        """Wait until the sender has sent what it may."""
        self.wire.pushed.clear()
        await asyncio.wait_for(self.wire.pushed.wait(), PATIENCE_S)

    async def ticks(self) -> None:
        """Let one tick of the desk pass, and all that it does."""
        await asyncio.wait_for(self.clock.until_sleeping(), PATIENCE_S)
        await self.clock.advance(TICK_S)
        await asyncio.wait_for(self.clock.until_sleeping(), PATIENCE_S)

    async def stores(self, seq: int = 1) -> None:
        """Acknowledge the oldest message that is out."""
        self.wire.out.pop(0).set_result([PubAck("STRETTO_WORK", seq)])
        await asyncio.sleep(0)


@asynccontextmanager
async def place(**given: int) -> AsyncIterator[Place]:
    """A desk whose sender runs."""
    async with asyncio.TaskGroup() as group:
        made = Place(group, **given)
        running = group.create_task(made.sender.run())
        await asyncio.sleep(0)
        yield made
        running.cancel()


def record(path: str, **more: Any) -> DispatchRecord:
    return DispatchRecord(RUN_ID, path, 1, NS, "t", "q", b"{}", 0, **more)


def rated(path: str, per_s: float = 1.0) -> DispatchRecord:
    return record(path, rate=RateRecord("acme", per_s, 1.0))


def attempt_id(path: str) -> str:
    return f"{run_id_text(RUN_ID)}:{path}:1"


def results(*paths: str, **fields: Any) -> bytes:
    return json_encode({"results": [{"id": attempt_id(path), **fields} for path in paths]})


# --- what is sent


async def test_what_is_sent_is_waited_for_until_it_is_stored() -> None:
    async with place() as here:
        await here.take(record("a"))
        await here.sends()
        waiting = asyncio.ensure_future(here.sender.wait_stored())
        await asyncio.sleep(0)
        assert not waiting.done()

        await here.stores()
        await asyncio.wait_for(waiting, PATIENCE_S)
        await here.sender.wait_stored()  # nothing is out: at once

        known = here.desk.core.get(attempt_id("a"))
        assert known is not None and (known.state, known.seq) == (State.OUT, 1)
        assert here.desk.counts.out == 1


async def test_what_the_bus_does_not_take_is_sent_again_and_what_it_never_takes_is_answered(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("services.execution.sender.RETRY_SEND_S", 0.0)
    async with place() as here:
        answered: list[tuple[str, str]] = []
        here.sender._answer = lambda attempt, failure: answered.append((attempt.id, failure.type))
        here.wire.refuses = [AWAY]

        await here.take(record("a"))
        await here.sends()
        assert here.wire.sent == []
        await here.sends()
        assert len(here.wire.sent) == 1, "tried once more"

        here.wire.refuses = [PermanentError("bus.too_large", "expected less")]
        await here.take(record("b"))
        await here.sends()
        assert answered == [(attempt_id("b"), "TooLarge")]
        assert caplog.messages == ["work not stored"] * 2


async def test_a_message_that_could_not_be_stored_in_the_end_is_cut_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.execution.sender.RETRY_SEND_S", 0.0)
    async with place() as here:
        await here.take(record("a"))
        await here.sends()

        here.wire.out.pop(0).set_exception(AWAY)
        await here.sends()

        assert len(here.wire.sent) == 2
        assert here.wire.sent[0] == here.wire.sent[1]


async def test_the_rate_of_a_key_lets_the_next_go_when_the_first_is_stored() -> None:
    async with place() as here:
        await here.take(rated("a"), rated("b"))
        await here.sends()
        assert len(here.wire.sent) == 1
        told = here.desk.told_rate(attempt_id("b"))
        assert told is not None and told[1].key == "acme"
        assert [each.waiting for each in here.desk.rates] == [1]
        assert here.desk.told_rate(attempt_id("a")) is None

        await here.stores()
        assert here.desk.rates[0].next_us == S, "from when it was stored"
        await here.clock.advance(1.0)
        here.desk._changed.set()
        await here.sends()

        assert len(here.wire.sent) == 2
        assert here.desk.rates == []


async def test_the_sender_wakes_when_a_rate_lets_something_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with place() as here:
        await here.take(rated("a", per_s=200.0), rated("b", per_s=200.0))
        await here.sends()
        await here.stores()
        here.desk._changed.set()
        await here.sends()
        first = here.sender._wake
        assert first is not None, "it is looked at when its time comes"
        here.desk._changed.set()
        await here.sends()
        assert first.cancelled() and here.sender._wake is not first

        await here.clock.advance(0.005)
        await here.sends()

        assert len(here.wire.sent) == 2


async def test_an_attempt_on_its_way_to_a_device_has_spent_its_token() -> None:
    async with place() as here:
        await here.take(rated("a"), rated("b"))
        await here.sends()
        here.desk._sent_to_device(next(iter(here.desk.core.known)))
        assert here.desk.rates[0].next_us == S

        plain = record("c")
        await here.take(plain)
        known = here.desk.core.get(id_of(plain))
        assert known is not None
        here.desk._sent_to_device(known)
        assert here.desk.rates[0].next_us == S, "it counts for no key"


# --- results


async def test_results_are_noted_wherever_their_attempts_are() -> None:
    async with place() as here:
        await here.take(record("a"), rated("r"), rated("s"))
        await here.sends()
        assert here.desk.told_rate(attempt_id("s")) is not None

        here.results._note(results("a", "s", started_at="2026-01-01T00:00:00Z"))

        assert here.desk.core.get(attempt_id("a")) is None
        assert here.desk.told_rate(attempt_id("s")) is None, "answered by somebody: it waits not"
        assert attempt_id("a") in here.desk._answered


@pytest.mark.parametrize(
    ("finished_at", "samples"),
    [("2026-01-01T00:00:02Z", 1), ("the day after", 0), (None, 0)],
)
async def test_how_long_an_attempt_took_is_learnt_where_its_worker_says_so(
    finished_at: str | None, samples: int
) -> None:
    async with place() as here:
        learnt: list[int] = []
        here.desk.core.learn = lambda _attempt, took_us: learnt.append(took_us)  # type: ignore[method-assign]
        await here.take(record("a"))
        await here.sends()

        here.results._note(results("a", started_at="2026-01-01T00:00:00Z", finished_at=finished_at))

        assert learnt == [2 * S] * samples


async def test_a_sign_of_life_in_either_form_is_heard_and_what_is_no_result_is_not() -> None:
    async with place() as here:
        heard: list[str] = []
        here.desk.core.alive = lambda id_, *_: heard.append(id_)  # type: ignore[method-assign]

        here.results._note(b'{"accepted":"a"}')
        here.results._note(b'{"accepted":["b","c"]}')
        here.results._note(b"{")

        assert heard == ["a", "b", "c"]


async def test_answers_are_not_remembered_for_ever() -> None:
    async with place() as here:
        here.desk._answered.close()
        here.results._note(results("a"))
        assert attempt_id("a") not in here.desk._answered


async def test_results_of_other_lanes_are_heard_while_attempts_are_counted_here() -> None:
    async with place(lanes=2) as here:
        assert here.results.overhears
        task = asyncio.ensure_future(here.results.overhear())
        await asyncio.sleep(0)
        await here.take(record("a"))
        await here.sends()
        [sink] = here.wire.heard

        sink(b"", b"", b"", results("a"))
        assert here.desk.core.get(attempt_id("a")) is not None, "nothing is counted here"

        await here.take(rated("r"))
        sink(b"", b"", b"", results("a"))
        assert here.desk.core.get(attempt_id("a")) is None

        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert here.wire.heard == []


async def test_who_cannot_tell_how_many_results_wait_reads_until_none_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise AWAY

    monkeypatch.setattr("services.execution.results.ask_api", away)
    batches: list[list[Any]] = [[SimpleNamespace(data=results("a"))], []]
    patience: list[float | None] = []
    acknowledged: list[int] = []
    monkeypatch.setattr(
        "services.execution.results.ack_all", lambda messages: acknowledged.append(len(messages))
    )

    async def next_batch(timeout_s: float | None) -> list[Any]:
        patience.append(timeout_s)
        if not batches:
            await asyncio.Event().wait()
        return batches.pop(0)

    @asynccontextmanager
    async def pull(*_: object) -> AsyncIterator[Any]:
        yield SimpleNamespace(next_batch=next_batch)

    async with place() as here:
        cast(Any, here.results._context).pull = pull
        task = asyncio.ensure_future(here.results.run())
        for _ in range(2):
            await asyncio.wait_for(here.clock.until_sleeping(), PATIENCE_S)
            await here.clock.advance(RESULTS_LINGER_S)
        await asyncio.wait_for(here.results.caught_up.wait(), PATIENCE_S)
        task.cancel()

    assert acknowledged == [1, 0]
    assert patience[-1] is None, "from now on there is no hurry"


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
        never = DispatchRecord(RUN_ID, "a", 1, NS, "t", "q", b"{}", 0, deadline_us=2**63)
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
