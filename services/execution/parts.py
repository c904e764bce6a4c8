"""What the instances of the service know together: whoever is asked asks the others for their part.

Each lane has one active instance, so the parts never overlap. One message asks all instances; those
that work on a lane answer, and the one that asks stops to wait when it has heard of every lane. A
lane that is changing hands is not heard of: after `GATHER_S` the answer goes out without it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from services.execution.core.attempt import Attempt
from services.execution.core.gate import Told, rate_sentence, rate_text
from services.execution.core.on_route import At, Routed
from services.execution.core.roster import Roster
from services.execution.core.unknown import Unknown, unknown_tasks
from services.execution.desk import Desk
from services.execution.lane import Lane
from stretto.bus.connection import Connection
from stretto.bus.wire import new_inbox, publish_command, subject_bytes
from stretto.contracts import subjects
from stretto.contracts.answers import MAX_KEYS_TOLD, QueueView, RateView, ResourceView
from stretto.contracts.bindings import RoutedAttempt
from stretto.contracts.codec import json_encode
from stretto.contracts.scaling import whole_workers
from stretto.contracts.unreadable import UNREADABLE
from stretto.runtime.clock import rfc3339
from stretto.runtime.errors import StrettoError
from stretto.runtime.topology import CHARGED_LANE
from stretto.telemetry import names

GATHER_S = 0.5
"""An instance answers within milliseconds; a lane that nobody works on is not waited for longer."""

logger = logging.getLogger(__name__)

Shares = Mapping[tuple[str, str], float]
"""Workers that our part of each queue wants, not rounded, by namespace and queue."""


class Question(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is asked of every instance."""

    routed: list[str] | None = None
    """Where these attempts are; None: what waits in the queues."""
    here: str | None = None
    """No question, but what an instance says: its name, and the `lanes` that it works on."""
    lanes: list[int] = []


class LaneCounts(msgspec.Struct, frozen=True, kw_only=True):
    """A lane, and how many attempts are where."""

    lane: int
    watched: int
    known: int
    unbound: int
    held: int
    out: int
    own: int


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one instance knows, of the lanes that it works on."""

    instance: str
    lanes: list[LaneCounts]
    queues: list[QueueView] = []
    """Of each only what we count: who is present all instances hear."""
    unknown: list[Unknown] = []
    resources: list[ResourceView] = []
    rates: list[RateView] = []
    routed: list[RoutedAttempt] = []


_decode_question = msgspec.json.Decoder(Question).decode
_decode_part = msgspec.json.Decoder(Part).decode


def _nobody(_instance: str, _lanes: list[int]) -> None:
    """Nobody wants to know who works on which lanes."""


class Parts:
    """Gives our own part and gathers those of the others.

    Args:
        instance: our name.
        shares: workers that our parts of the queues want.
        hear: takes which lanes an instance works on.
    """

    def __init__(
        self,
        instance: str,
        connection: Connection,
        roster: Roster,
        lanes: Sequence[Lane],
        shares: Shares,
        *,
        hear: Callable[[str, list[int]], None] = _nobody,
    ) -> None:
        self._instance = instance
        self._connection = connection
        self._roster = roster
        self._lanes = lanes
        self._shares = shares
        self._hear = hear

    async def run(self) -> None:
        """Answer the other instances until cancelled."""
        heard = await self._connection.subscribe(subjects.PARTS, self._asked)
        try:
            await asyncio.Event().wait()
        finally:
            await self._connection.unsubscribe(heard)

    async def gather(self, question: Question) -> list[Part]:
        """Return the part of every instance that works on a lane, our own first.

        Waits for at most `GATHER_S`; nobody else is asked while all lanes are ours.
        """
        parts = [self._own(question)]
        if len(parts[0].lanes) < len(self._lanes):
            await self._ask_others(question, parts)
        return parts

    async def _ask_others(self, question: Question, parts: list[Part]) -> None:
        inbox = new_inbox(self._connection.inbox_prefix) + "parts"
        heard = {lane.lane for lane in parts[0].lanes}
        complete = asyncio.Event()

        def take(_subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
            try:
                part = _decode_part(data)
            except UNREADABLE as error:
                logger.warning("part not understood", extra={names.LOG_REASON: str(error)})
                return
            if part.instance == self._instance:
                return
            parts.append(part)
            heard.update(lane.lane for lane in part.lanes)
            if len(heard) >= len(self._lanes):
                complete.set()

        answers = await self._connection.subscribe(inbox, take)
        try:
            async with asyncio.timeout(GATHER_S):
                asked = publish_command(
                    subject_bytes(subjects.PARTS), inbox.encode(), b"", json_encode(question)
                )
                await self._connection.wait_connected()
                self._connection.send(asked)
                await complete.wait()
        except TimeoutError:
            lanes = sorted({lane.number for lane in self._lanes} - heard)
            logger.info("lanes not heard of", extra={names.LOG_LANE: lanes})
        finally:
            await self._connection.unsubscribe(answers)

    def _asked(self, _subject: bytes, reply: bytes, _block: bytes, data: bytes) -> None:
        """Another instance asks (or we do: that answer is passed over)."""
        try:
            question = _decode_question(data)
            if question.here is not None:
                self._hear(question.here, question.lanes)
                return
            part = self._own(question)
            if not part.lanes or not reply:
                return
            answer = json_encode(part)
            self._connection.check_size(len(answer))
        except (*UNREADABLE, StrettoError) as error:
            logger.warning("part not given", extra={names.LOG_REASON: str(error)})
            return
        self._connection.send(publish_command(reply, b"", b"", answer))

    # --- ours

    def _own(self, question: Question) -> Part:
        lanes = [
            LaneCounts(lane=desk.lane, watched=len(desk.core.pulses), **desk.counts._asdict())
            for desk in self._desks()
        ]
        if question.routed is not None:
            return Part(instance=self._instance, lanes=lanes, routed=self._routed(question.routed))
        return Part(
            instance=self._instance,
            lanes=lanes,
            queues=self._queues(),
            unknown=[
                task
                for desk in self._desks()
                for task in unknown_tasks(desk.core.known, self._roster)
            ],
            resources=[
                ResourceView(
                    name=name,
                    capacity=desk.core.pool.capacity(name),
                    used=desk.core.pool.used.get(name, 0),
                    waiting=desk.core.pool.waiting.get(name, 0),
                )
                for desk in self._desks()
                if desk.lane == CHARGED_LANE
                for name in desk.core.pool.names
            ],
            rates=[_rate(told) for desk in self._desks() for told in desk.rates[:MAX_KEYS_TOLD]],
        )

    def _queues(self) -> list[QueueView]:
        counts: dict[tuple[str, str], tuple[int, int]] = {}
        for desk in self._desks():
            for line in desk.core.lines:
                place = (line.namespace, line.queue)
                waiting, out = counts.get(place, (0, 0))
                counts[place] = (waiting + line.waiting, out + line.out)
        return [
            QueueView(
                namespace=place[0],
                queue=place[1],
                waiting=waiting,
                in_flight=out,
                wanted=whole_workers((share,)),
                share=share,
            )
            for place, (waiting, out) in counts.items()
            for share in [self._shares.get(place, 0.0)]
        ]

    def _routed(self, ids: Sequence[str]) -> list[RoutedAttempt]:
        desks = list(self._desks())
        found = [routed for id_ in ids for d in desks if (routed := d.router.core.get(id_))]
        kept = [told for id_ in ids for d in desks if (told := d.told_rate(id_))]
        return [*[_told(routed) for routed in found], *[_kept_back(*told) for told in kept]]

    def _desks(self) -> Iterator[Desk]:
        return (lane.desk for lane in self._lanes if lane.desk is not None)


def _rate(told: Told) -> RateView:
    return RateView(
        namespace=told.namespace,
        key=told.key,
        limit=rate_text(told.rate),
        waiting=told.waiting,
        next_s=None if told.next_us is None else round(told.next_us / 1e6, 3),
        queue=told.queue or None,
    )


def _kept_back(attempt: Attempt, key: Told) -> RoutedAttempt:
    return RoutedAttempt(
        id=attempt.id, at="rate", since=rfc3339(attempt.arrived_us), reason=rate_sentence(key)
    )


def _told(routed: Routed) -> RoutedAttempt:
    at = At.RANKING if routed.at is At.ASKED else routed.at
    waits = at in (At.RANKING, At.WAITING)
    way = routed.next_way() if at is At.WAITING else None
    return RoutedAttempt(
        id=routed.attempt.id,
        at=at.value,
        since=rfc3339(routed.attempt.arrived_us if waits else routed.since_us),
        device=routed.device,
        reason=routed.reason,
        avoid=routed.avoid,
        ranked=routed.ranked,
        until=None if way is None else rfc3339(way[0]),
        then=None if way is None else way[1],
    )
