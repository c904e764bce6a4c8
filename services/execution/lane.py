"""One lane, seen from one instance: it stands by until the lane is its own, then it works on it.

::

                  a frame comes to us (the server has pinned us)
      STAND BY ───────────────────────────────────────────────► ACTIVE
         ▲  │ knocks: an empty frame, which comes to whoever      │ says so all the time
         └──┘ is pinned; unpins who has been silent for a while   │
         ▲        not pinned any more, and somebody else says     │
         ├──────── that it is active ─────────────────────────────┤
         └──────── given away (`sharing`), to whoever asks next ──┘

Whatever two instances do that both believe to be active is done twice at most, and fenced.

While admission is full, frames are kept here and not acknowledged: the server delivers no more than
a number of them, and the lane stays ours.
"""

import asyncio
import logging
from collections import deque

from services.execution.core.roster import Roster
from services.execution.desk import Desk
from services.execution.measures import Measures
from services.execution.settings import ExecutionSettings
from stretto.bus.api import Answer, ask_api
from stretto.bus.connection import Connection
from stretto.bus.message import Message, in_progress_all
from stretto.bus.publisher import PubAck
from stretto.bus.pull import PullLoop
from stretto.bus.topology import Consumer
from stretto.contracts import subjects
from stretto.contracts.codec import pack
from stretto.contracts.frames import DispatchFrame
from stretto.runtime.context import ServiceContext
from stretto.runtime.ending import ended
from stretto.runtime.errors import StrettoError, TransientError
from stretto.runtime.topology import FRAME_ACK_WAIT_S, execution_dispatch
from stretto.telemetry import names

LOOK_S = 0.25
"""How long it may wait for a frame before it looks whether something else is to be done."""

KNOCK_S = 0.5
SAY_S = 0.25
SILENCE_S = 1.25
"""Who was active and has said nothing for so long is dead, or so busy that another should do it."""

REST_S = 5.0
"""Who has given a lane away takes it again when nobody else has for so long."""

UNPIN_TIMEOUT_S = 1.0
KEEP_S = FRAME_ACK_WAIT_S / 3
RETRY_S = 0.5

_KNOCK = pack(DispatchFrame(records=[]))

logger = logging.getLogger(__name__)


class Lane:
    """See the module's docstring; `run` until the service stops."""

    def __init__(
        self,
        context: ServiceContext[ExecutionSettings],
        number: int,
        roster: Roster,
        measures: Measures,
    ) -> None:
        self.number = number
        self.desk: Desk | None = None
        """What works on the lane, while it is ours."""
        self._context = context
        self._roster = roster
        self._measures = measures
        self._backlog: deque[Message] = deque()
        self._displaced = False
        self._giving = False
        self._heard_at = context.clock.monotonic()

    async def run(self) -> None:
        """Stand by and work, in turns, until the service stops."""
        context = self._context
        said = await context.connection.subscribe(subjects.active(self.number), self._heard)
        try:
            batch = context.settings.execution_batch
            while not context.stopping.is_set():
                async with context.pull(execution_dispatch(self.number), batch) as loop:
                    while not context.stopping.is_set() and not self._giving:
                        frames = await self._stand_by(loop)
                        if frames:
                            self._backlog.extend(frames)
                            await self._work(loop)
                    pinned = loop.is_pinned
                if pinned:
                    await self._unpin()  # the next one need not wait until we are missed
                await self._rest()
        finally:
            await context.connection.unsubscribe(said)

    def give(self) -> None:
        """Let another instance have the lane, soon; it is ours now."""
        self._giving = True

    async def _rest(self) -> None:
        """Having given the lane away, do not ask for it until somebody has it."""
        if not self._giving:
            return
        self._giving = self._displaced = False
        until = self._context.clock.monotonic() + REST_S
        while not (self._displaced or self._context.stopping.is_set()):
            if self._context.clock.monotonic() >= until:
                return
            await self._context.clock.sleep(LOOK_S)

    async def _stand_by(self, loop: PullLoop) -> list[Message]:
        """Knock until a frame comes; empty when the service stops."""
        clock = self._context.clock
        knock_at = clock.monotonic()
        self._heard_at = max(self._heard_at, knock_at - SILENCE_S / 2)
        while not self._context.stopping.is_set():
            now = clock.monotonic()
            if now >= knock_at:
                knock_at = now + KNOCK_S
                await self._knock()
            if now - self._heard_at > SILENCE_S:
                self._heard_at = now
                await self._unpin()
            frames = await loop.next_batch(timeout_s=LOOK_S)
            if frames:
                return frames
        return []

    async def _knock(self) -> None:
        try:
            future = await self._context.publisher.send(subjects.dispatch(self.number), _KNOCK)
        except StrettoError as error:
            logger.info("cannot knock", extra={names.LOG_REASON: str(error)})
            return
        # Whether it was stored shows in that somebody hears it; a failure is retried by time.
        future.add_done_callback(_take_note)

    async def _unpin(self) -> None:
        """Let the server give the lane to whoever asks next."""
        try:
            await unpin(self._context.connection, execution_dispatch(self.number))
        except StrettoError as error:
            logger.info("cannot unpin", extra={names.LOG_REASON: str(error)})

    async def _work(self, loop: PullLoop) -> None:
        """Work on the lane until the service stops or another instance has taken it."""
        context = self._context
        self._displaced = False
        async with asyncio.TaskGroup() as group:
            desk = Desk(context, self.number, self._roster, self._measures, group)
            saying = group.create_task(self._say_active())
            if await self._begin(desk):
                self.desk = desk
                await self._serve(loop, desk)
                loop.at_once = None
                self.desk = None
                if self._giving:
                    await desk.hand_over()
                else:
                    await desk.end()
            await ended([saying])
        if not context.stopping.is_set():
            logger.info("lane given up", extra={names.LOG_LANE: self.number})
        for message in self._backlog if self._giving else ():
            message.give_back()
        self._backlog.clear()

    async def _begin(self, desk: Desk) -> bool:
        """Begin, again and again until the work stream can be read; False: it is time to stop."""
        while not self._context.stopping.is_set():
            try:
                await desk.begin()
            except TransientError as error:
                logger.warning("lane not taken yet", extra={names.LOG_REASON: str(error)})
                in_progress_all(self._backlog)
                await self._context.clock.sleep(RETRY_S)
            else:
                return True
        return False

    async def _serve(self, loop: PullLoop, desk: Desk) -> None:
        clock = self._context.clock
        keep_at = clock.monotonic() + KEEP_S

        def at_once(message: Message) -> bool:
            if self._backlog or self._giving or self._displaced or desk.full:
                return False
            return desk.take_at_once(message)

        loop.at_once = at_once
        while not self._context.stopping.is_set():
            while self._backlog and not desk.full:
                await self._take(desk, self._backlog.popleft())
            self._backlog.extend(await loop.next_batch(timeout_s=LOOK_S))
            if self._giving:
                return
            if self._displaced and not loop.is_pinned:
                return
            self._displaced = False
            if clock.monotonic() >= keep_at:
                keep_at = clock.monotonic() + KEEP_S
                in_progress_all(self._backlog)

    async def _take(self, desk: Desk, message: Message) -> None:
        try:
            await desk.take(message)
        except TransientError as error:
            logger.warning("frame left to another delivery", extra={names.LOG_REASON: str(error)})

    async def _say_active(self) -> None:
        context = self._context
        subject = subjects.active(self.number)
        while True:
            if context.connection.is_connected:
                try:
                    await context.connection.publish(subject, context.instance.encode())
                except TransientError as error:
                    logger.warning("cannot say active", extra={names.LOG_REASON: str(error)})
            await context.clock.sleep(SAY_S)

    def _heard(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        """Somebody says that the lane is theirs."""
        self._heard_at = self._context.clock.monotonic()
        if data != self._context.instance.encode():
            self._displaced = True


async def unpin(connection: Connection, consumer: Consumer) -> None:
    """Take the pin from who has it (NATS ADR-42). Raises StrettoError."""
    await ask_api(
        connection,
        f"CONSUMER.UNPIN.{consumer.stream}.{consumer.name}",
        {"group": consumer.priority_group},
        Answer,
        asked=f"unpin {consumer.name}",
        timeout_s=UNPIN_TIMEOUT_S,
    )


def _take_note(future: asyncio.Future[list[PubAck]]) -> None:
    """Take the outcome of a knock, so that a failed one is not reported as forgotten."""
    if not future.cancelled():
        future.exception()
