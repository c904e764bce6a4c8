"""The shell of execution while lanes are others', work is not stored, and the end is near."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.execution import desk as desk_module
from services.execution.core.rates import LineRate
from services.execution.core.roster import Roster
from services.execution.desk import Desk
from services.execution.lane import Lane
from services.execution.presence import TOLD_EVERY_S, Listener
from services.execution.sender import Sender
from services.execution.service import Execution
from services.execution.work_stream import WorkStream
from stretto.contracts.admission import Rate
from stretto.contracts.subjects import STREAM_RESULTS, STREAM_WORK
from stretto.runtime.errors import PermanentError
from stretto.testkit.clock import FakeClock

from .given import T0

TOO_LARGE = PermanentError("bus.too_large", "expected at most 1 MB, but it has 2")


class Noted:
    """Notes what it is told, whatever that is."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: self.told.append(name)


def lanes(desk: object) -> Any:
    return [SimpleNamespace(desk=None), SimpleNamespace(desk=desk)]


# --- lanes


def test_only_the_lanes_that_are_ours_hear_of_silence_that_is_forgiven_and_of_signs_of_life() -> (
    None
):
    desk, roster = Noted(), Noted()
    context = SimpleNamespace(clock=FakeClock())
    listener = Listener(cast(Any, context), cast(Any, roster), lanes(desk), cast(Any, None))

    listener._back()

    assert (roster.told, desk.told) == (["forgive"], ["deaf"])

    listener._progress(b"", b"", b"", b'{"id":"a"}')
    assert desk.told == ["deaf", "alive"]


def test_that_two_processes_have_one_name_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    context = SimpleNamespace(clock=FakeClock())
    listener = Listener(cast(Any, context), Roster(), lanes(Noted()), cast(Any, None))

    for instance in "abab":
        said = b'{"device":"d","instance":"%b"}' % instance.encode()
        listener._presence(b"stretto.presence.default.d", b"", b"", said)

    [message] = caplog.messages
    assert message.startswith("two processes have the name of one device")


async def test_what_cannot_be_read_is_told_now_and_then_with_how_many_there_were(
    caplog: pytest.LogCaptureFixture,
) -> None:
    context = SimpleNamespace(clock=FakeClock())
    listener = Listener(cast(Any, context), cast(Any, Noted()), lanes(Noted()), cast(Any, None))

    for _ in range(100):
        listener._presence(b"stretto.presence.default.liar", b"", b"", b"{")
        listener._progress(b"stretto.progress.default.r", b"", b"", b"{")
    await context.clock.advance(TOLD_EVERY_S)
    listener._progress(b"stretto.progress.default.r", b"", b"", b"{")

    assert caplog.messages == ["presence not understood", "progress not understood"]
    first, second = (vars(record) for record in caplog.records)
    assert (first["subject"], first["count"]) == ("stretto.presence.default.liar", 1)
    assert second["count"] == 200


@pytest.mark.parametrize(
    ("streams", "told"),
    [
        ([STREAM_WORK], ["store_lost"]),
        ([STREAM_RESULTS], ["results_lost"]),
        (["STRETTO_STARTS"], []),
    ],
)
async def test_a_lane_is_told_of_the_streams_that_it_works_on(
    streams: list[str], told: list[str]
) -> None:
    desk = Noted()

    await Execution._store_lost(cast(Any, SimpleNamespace(lanes=lanes(desk))), streams)

    assert desk.told == told


async def test_a_frame_that_comes_while_admission_is_full_waits_its_turn() -> None:
    stopping = asyncio.Event()
    taken: list[str] = []
    desk = SimpleNamespace(full=True, take_at_once=lambda message: taken.append(message) or True)
    lane = Lane(
        cast(Any, SimpleNamespace(clock=FakeClock(), stopping=stopping)), 0, *[cast(Any, None)] * 2
    )

    class Loop:
        at_once: Any = None

        async def next_batch(self, timeout_s: float) -> list[Any]:
            assert not self.at_once("first")
            desk.full = False
            assert self.at_once("second")
            stopping.set()
            return []

    await lane._serve(cast(Any, Loop()), cast(Any, desk))

    assert taken == ["second"]


async def test_an_end_does_not_wait_for_ever_for_results_to_be_stored(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(desk_module, "OWN_PATIENCE_S", 0.01)

    async def end(_patience_s: float) -> None:
        return None

    async def never() -> None:
        await asyncio.Event().wait()

    desk = SimpleNamespace(
        lane=3,
        _house=SimpleNamespace(end=end),
        _outbox=SimpleNamespace(wait_empty=never),
        _tasks=[],
    )

    await Desk.end(cast(Any, desk))

    assert caplog.messages == ["results not stored at the end"]


# --- what is sent


def sender(*finished: str) -> tuple[Any, list[str]]:
    answered: list[str] = []
    core = SimpleNamespace(finished=lambda id_: None if id_ in finished else "attempt")
    none = cast(Any, None)
    made = Sender(
        none, 0, cast(Any, core), none, none, entrance=none, changed=asyncio.Event(), do=none,
        answer=lambda attempt, _failure: answered.append(attempt.id),
    )  # fmt: skip
    return made, answered


def sending(*ids: str) -> Any:
    return SimpleNamespace(queue="q", attempts=[SimpleNamespace(id=id_) for id_ in ids])


async def test_work_that_no_server_takes_is_answered_unless_it_has_an_answer() -> None:
    made, answered = sender("b")
    future = asyncio.get_running_loop().create_future()
    future.set_exception(TOO_LARGE)

    made._was_sent(sending("a", "b", "c"), future)

    assert answered == ["a", "c"]


async def test_an_acknowledgement_that_nobody_waits_for_any_more_means_nothing() -> None:
    made, answered = sender()
    future = asyncio.get_running_loop().create_future()
    future.cancel()

    made._was_sent(sending("a"), future)

    assert answered == []


async def test_work_that_cannot_be_sent_in_this_turn_waits_or_is_answered() -> None:
    made, answered = sender()
    work = [sending("too large"), sending("no room")]
    kept: list[Any] = []
    made._core = SimpleNamespace(
        cut=lambda _now_us: work,
        not_stored=kept.append,
        finished=lambda _id: "attempt",
        pause_us=lambda _now_us: None,
    )
    made._entrance = SimpleNamespace(let_in=lambda _now_us: None, pause_us=lambda _now_us: None)

    def send_now(_subject: str, data: bytes, *, msg_id: str) -> None:
        if data == b"too large":
            raise TOO_LARGE

    made._context = SimpleNamespace(
        clock=SimpleNamespace(now_us=lambda: T0), publisher=SimpleNamespace(send_now=send_now)
    )
    for each in work:
        each.namespace, each.data = "n", each.attempts[0].id.encode()
        made._queues.add(("n", "q"))

    made.send_now()

    assert (answered, kept) == (["too large"], [work[1]])
    assert made._changed.is_set(), "it goes as ever"
    work.clear()
    made.send_now()
    assert made._changed.is_set()


async def test_what_goes_wrong_while_work_is_sent_is_not_hidden() -> None:
    made, _ = sender()
    future = asyncio.get_running_loop().create_future()
    future.set_exception(ZeroDivisionError())

    with pytest.raises(ZeroDivisionError):
        made._was_sent(sending("a"), future)


def test_a_rate_that_holds_nobody_back_has_no_wait_and_forgets_who_used_none() -> None:
    rate = LineRate(Rate(1.0, 2.0), 1)
    assert rate.room(T0) == 2

    rate.take("")

    assert rate.wait_us(T0) is None, "one more may go"
    assert rate._buckets, "it is not as it was in the beginning"
    assert rate.wait_us(T0 + 1_000_000) is None
    assert not rate._buckets


# --- the work stream


class Server:
    """A server that ends a batch twice."""

    inbox_prefix = "_INBOX"

    def __init__(self) -> None:
        self.sinks: list[Any] = []

    async def subscribe(self, _inbox: str, sink: Any) -> int:
        self.sinks.append(sink)
        return 1

    async def unsubscribe(self, _subscription: int) -> None:
        return None

    def send(self, _command: bytes) -> None:
        for _ in range(2):
            self.sinks[0](b"", b"", b"NATS/1.0 204 EOB\r\n\r\n", b"")


async def test_a_batch_that_the_server_ends_twice_has_ended() -> None:
    work = WorkStream.__new__(WorkStream)
    work._connection = cast(Any, Server())

    assert await work._batch(1) == []
