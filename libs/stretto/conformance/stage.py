"""The bus as the checker sees it: it sends attempts, and notes all that the worker says."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec

from stretto.bus.connection import Connection
from stretto.bus.ensure import ensure
from stretto.bus.publisher import Publisher
from stretto.bus.topology import Stream
from stretto.contracts import subjects
from stretto.contracts.codec import decode_presence, decode_progress, decode_results, json_encode
from stretto.contracts.ids import run_id_text, uuid7
from stretto.contracts.public import Presence, TaskResult
from stretto.payloads import Carrier
from stretto.runtime.clock import SystemClock
from stretto.runtime.streams import DLQ, PAYLOADS, RESULTS, WORK
from stretto.runtime.topology import work_consumer

ACKS = "$JS.ACK.>"
"""What workers answer messages with; anybody may listen."""

_ACK_TOKENS = 9
"""`$JS.ACK.<stream>.<consumer>.<delivered>.<seq>.…`; the newer form has two more after `ACK`."""

STEP = "check"


class Target(NamedTuple):
    """The worker under test: one of a queue, or a device by its name."""

    namespace: str = "default"
    queue: str | None = None
    device: str | None = None

    @property
    def text(self) -> str:
        return f"device {self.device}" if self.device else f"queue {self.queue}"


class Said(NamedTuple):
    """A result, and when it came (seconds of the loop's clock)."""

    result: TaskResult
    at: float


class Acked(NamedTuple):
    """What a work message was answered with."""

    seq: int
    word: str
    at: float


class Stage:
    """Made by `on_stage`. All that came is kept, in order."""

    def __init__(self, connection: Connection, publisher: Publisher, target: Target) -> None:
        self.connection = connection
        self.publisher = publisher
        self.target = target
        self.carrier = Carrier(connection, publisher, SystemClock())
        self.reply = f"stretto.results.check-{secrets.token_hex(6)}"
        self.presences: list[tuple[str, Presence, float]] = []
        self.bad_presences: list[str] = []
        self.results: dict[str, list[Said]] = {}
        self.bad_replies: list[str] = []
        self.accepted: dict[str, list[float]] = {}
        self.progress: dict[str, list[float]] = {}
        self.acks: list[Acked] = []
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    @property
    def now(self) -> float:
        return self._loop.time()

    # --- what is sent

    def task(self, name: str, input: Any = None, **more: Any) -> dict[str, Any]:  # noqa: A002 - the word of the contract
        """An attempt of a run of its own, as JSON, so that nothing is there that is not meant."""
        run_id = run_id_text(uuid7(int(self.now * 1000), secrets.token_bytes(10)))
        return {
            "id": f"{run_id}:{STEP}:1",
            "run_id": run_id,
            "step": STEP,
            "attempt": 1,
            "task": name,
            "input": input,
            "reply": self.reply,
            **more,
        }

    async def send(self, *tasks: dict[str, Any]) -> int:
        """Send attempts in one message; its number in the stream, 0 to a device."""
        if self.target.device is not None:
            tasks = tuple({"accept": True, **task} for task in tasks)
        return await self.send_raw(json_encode({"tasks": tasks}))

    async def send_raw(self, data: bytes) -> int:
        """Send anything where attempts are sent."""
        namespace, queue, device = self.target
        if device is not None:
            await self.connection.publish(subjects.device(namespace, device), data)
            return 0
        assert queue is not None
        return (await self.publisher.publish(subjects.work(namespace, queue), data)).seq

    async def withdraw(self, *ids: str) -> None:
        """Say that nobody wants attempts any more."""
        place = self.target.device or self.target.queue
        assert place is not None
        data = json_encode({"ids": ids})
        await self.connection.publish(subjects.withdraw(self.target.namespace, place), data)

    # --- what comes back

    async def until(self, condition: Callable[[], object], timeout_s: float) -> bool:
        """Wait until something has come; whether it has in time."""
        over = False

        def expire() -> None:
            nonlocal over
            over = True
            self._changed.set()

        timer = self._loop.call_later(timeout_s, expire)
        try:
            while not condition() and not over:
                self._changed.clear()
                await self._changed.wait()
        finally:
            timer.cancel()
        return bool(condition())

    async def result(self, id_: str, timeout_s: float) -> Said | None:
        """The first result of an attempt; None when none came in time."""
        await self.until(lambda: id_ in self.results, timeout_s)
        return self.results[id_][0] if id_ in self.results else None

    def words(self, seq: int) -> list[Acked]:
        """What a message was answered with."""
        return [ack for ack in self.acks if ack.seq == seq]

    async def settled(self, seq: int, timeout_s: float) -> Acked | None:
        """The word that ended a message: `+ACK`, `+TERM`; None when none came in time."""

        def ended() -> Iterable[Acked]:
            return [ack for ack in self.words(seq) if ack.word in ("+ACK", "+TERM", "+NXT", "")]

        await self.until(ended, timeout_s)
        return next(iter(ended()), None)

    def present(self) -> list[tuple[str, Presence, float]]:
        """What was said by workers of the place under test: name in the subject, word, when."""
        queue, device = self.target.queue, self.target.device
        return [
            said
            for said in self.presences
            if (said[0] == device if device is not None else said[1].queue == queue)
        ]

    # --- sinks

    def hear_result(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        try:
            said = decode_results(data)
        except (msgspec.DecodeError, RecursionError) as error:
            self.bad_replies.append(f"{error}: {data[:80]!r}")
        else:
            for result in said.results:
                self.results.setdefault(result.id, []).append(Said(result, self.now))
            ids = said.accepted or []
            for id_ in [ids] if isinstance(ids, str) else ids:
                self.accepted.setdefault(id_, []).append(self.now)
        self._changed.set()

    def hear_presence(self, subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        name = subject.decode().rpartition(".")[2]
        try:
            self.presences.append((name, decode_presence(data), self.now))
        except (msgspec.DecodeError, RecursionError) as error:
            self.bad_presences.append(f"{error}: {data[:80]!r}")
        self._changed.set()

    def hear_progress(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        try:
            id_ = decode_progress(data).id
        except (msgspec.DecodeError, RecursionError):
            return  # then none came: said where it is missed
        self.progress.setdefault(id_, []).append(self.now)
        self._changed.set()

    def hear_ack(self, subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        tokens = subject.decode().split(".")
        at = 2 if len(tokens) == _ACK_TOKENS else 4
        consumer = subjects.work_consumer(self.target.namespace, self.target.queue or "")
        if len(tokens) < at + 4 or tokens[at] != subjects.STREAM_WORK or tokens[at + 1] != consumer:
            return
        word = data.split(b" ")[0].decode(errors="replace")
        self.acks.append(Acked(int(tokens[at + 3]), word, self.now))
        self._changed.set()


class _Found(msgspec.Struct):
    error: dict[str, Any] | None = None


async def _missing(connection: Connection) -> list[Stream]:
    """Of the streams that a worker meets, those that are not there: the others are left as they
    are, whatever their replicas."""
    missing = []
    for stream in (WORK, RESULTS, DLQ, PAYLOADS):
        reply = await connection.request(f"$JS.API.STREAM.INFO.{stream.name}")
        if msgspec.json.decode(reply.data, type=_Found).error is not None:
            missing.append(stream)
    return missing


async def prepare(connection: Connection, target: Target) -> None:
    """Make what a worker meets on a bus: streams, and the queue's consumer."""
    queue = target.queue
    consumers = [work_consumer(target.namespace, queue)] if queue is not None else []
    await ensure(connection, await _missing(connection), consumers)


@asynccontextmanager
async def on_stage(connection: Connection, target: Target) -> AsyncIterator[Stage]:
    """Make what is needed, and listen.

    Raises:
        StrettoError: the bus is not reachable or refuses it.
    """
    async with Publisher(connection) as publisher:
        stage = Stage(connection, publisher, target)
        await prepare(connection, target)
        heard = {
            stage.reply: stage.hear_result,
            subjects.presence(target.namespace, "*"): stage.hear_presence,
            subjects.progress(target.namespace, "*"): stage.hear_progress,
            ACKS: stage.hear_ack,
        }
        subscriptions = [await connection.subscribe(*each) for each in heard.items()]
        try:
            await connection.flush()
            yield stage
        finally:
            for subscription in subscriptions:
                await connection.unsubscribe(subscription)
