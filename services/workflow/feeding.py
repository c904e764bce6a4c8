"""Pull loops: one per consumer that this instance reads, each filling the inbox.

Starts, controls and definitions are read by every instance; results, decisions and forwarded
frames by the owner of their partition only.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterator

from services.workflow.answers import may_answer
from services.workflow.engine import give_back
from services.workflow.frame_sizes import MAX_FRAME_BYTES
from services.workflow.inbox import Arrival, Inbox, Item
from services.workflow.intake import (
    Reader,
    arrival,
    forwarded,
    read_control,
    read_decided,
    read_inbox,
    read_results,
)
from services.workflow.other_runs import refused_child
from services.workflow.readable import Child, Unreadable
from services.workflow.reading_starts import read_start
from services.workflow.referring import Referring, concerns
from stretto.bus.deadletter import DeadLetters
from stretto.bus.message import Message, ack_all
from stretto.bus.publisher import Outgoing, Publisher
from stretto.bus.pull import PullLoop
from stretto.bus.topology import Consumer
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode, pack
from stretto.contracts.failures import Reason
from stretto.contracts.ids import partition_of
from stretto.contracts.public import Refused, Rejected
from stretto.runtime.ending import ended
from stretto.runtime.errors import TransientError
from stretto.runtime.topology import workflow_control, workflow_partition_consumers, workflow_starts
from stretto.telemetry.names import LOG_REASON

logger = logging.getLogger(__name__)

Pull = Callable[[Consumer, int], PullLoop]

MAX_MESSAGES = 500
"""Messages of one batch; a message may hold hundreds of records."""

_FORWARD_BYTES = 300
"""What a forwarded start takes beside its request."""


class Feeders:
    """Runs the pull loops; which partitions, follows `own`."""

    def __init__(
        self,
        *,
        pull: Pull,
        publisher: Publisher,
        inbox: Inbox,
        referring: Referring,
        partitions: int,
        group: asyncio.TaskGroup,
    ) -> None:
        self._pull = pull
        self._publisher = publisher
        self._dead_letters = DeadLetters(publisher, "workflow")
        self._inbox = inbox
        self._referring = referring
        self._partitions = partitions
        self._group = group
        self._owned: dict[int, asyncio.Task[None]] = {}
        self._common: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to read what every instance reads."""
        for consumer, reader in (
            (workflow_starts(), read_start),
            (workflow_control(), read_control),
        ):
            feeding = self._feed(consumer, reader, self._shared, self._partition_of)
            self._common.append(self._group.create_task(feeding))

    async def stop(self) -> None:
        """Stop reading everything; what was not handled comes to another instance."""
        common, self._common = self._common, []
        await ended(common)
        await self.disown(set(self._owned))

    def own(self, partitions: set[int]) -> None:
        """Begin to read what the owner of these partitions reads."""
        for partition in partitions - self._owned.keys():
            self._owned[partition] = self._group.create_task(self._feed_partition(partition))

    async def disown(self, partitions: set[int]) -> None:
        """Stop reading for partitions; what was taken and not handled comes to the next owner."""
        tasks = [task for p in partitions if (task := self._owned.pop(p, None)) is not None]
        await ended(tasks)

    async def _feed_partition(self, partition: int) -> None:
        consumers = workflow_partition_consumers(partition)

        async def mine(arrivals: list[Arrival]) -> None:
            for each in arrivals:
                each.partition = partition
            await self._inbox.put(arrivals)

        def always(_arrival: Arrival) -> int:
            return partition

        async with asyncio.TaskGroup() as group:
            group.create_task(self._feed(consumers.results, read_results, mine, always))
            group.create_task(self._feed(consumers.decided, read_decided, mine, always))
            group.create_task(self._feed(consumers.inbox, read_inbox, mine, always))

    async def _feed(
        self,
        consumer: Consumer,
        reader: Reader,
        deliver: Callable[[list[Arrival]], Awaitable[None]],
        partition_of_it: Callable[[Arrival], int],
    ) -> None:
        def at_once(message: Message) -> bool:
            """Take what is as usual: readable, small, for us, and there is room."""
            if self._inbox.full or concerns(message):
                return False
            read = arrival(message, reader)
            if not isinstance(read, Arrival):
                return False
            read.partition = partition_of_it(read)
            if read.partition not in self._owned:
                return False
            self._inbox.put_now([read])
            return True

        async with self._pull(consumer, MAX_MESSAGES) as loop:
            loop.at_once = at_once
            while True:
                arrivals: list[Arrival] = []
                for message in await loop.next_batch():
                    read = arrival(message, reader)
                    if isinstance(read, Arrival):
                        arrivals.append(read)
                    elif read.items:
                        arrivals.append(Arrival(items=read.items, message=message))
                        await self._unreadable(message, read)
                    else:
                        await self._unreadable(message, read)
                if any(each.message and concerns(each.message) for each in arrivals):
                    arrivals = await self._referring.accept_all(arrivals)
                if arrivals:
                    await self._deliver(arrivals, deliver)

    async def _deliver(
        self, arrivals: list[Arrival], deliver: Callable[[list[Arrival]], Awaitable[None]]
    ) -> None:
        try:
            await deliver(arrivals)
        except asyncio.CancelledError:
            # We stop reading; what the inbox has of it is given back twice, which is the same.
            give_back(arrivals)
            raise

    async def _unreadable(self, message: Message, why: Unreadable) -> None:
        """To the dead letters, and to the publisher where it is known who that is."""
        reason = Reason(code="message_unreadable", message=str(why))
        key = f"dlq-{message.subject}-{message.stream_seq}-{message.timestamp_ns}"
        try:
            await self._dead_letters.publish(
                message.subject,
                message.data,
                code=reason.code,
                reason=reason.message,
                headers=message.headers,
                msg_id=key,
            )
            await self._tell(message, reason, why.child)
        except TransientError as error:
            # Not acknowledged: it comes again when the store takes dead letters again.
            logger.warning("dead letter not stored", extra={LOG_REASON: error.message})
            return
        if not why.items:
            message.term()

    async def _tell(self, message: Message, reason: Reason, child: Child | None) -> None:
        kind, namespace = message.subject.split(".")[1:3]
        if kind not in ("start", "control"):
            return
        rejected = Rejected(subject=message.subject, reason=reason)
        await self._publisher.publish_core(subjects.rejected(namespace), json_encode(rejected))
        reply = may_answer(message.headers.get(subjects.HEADER_REPLY))
        if reply is not None:
            await self._publisher.publish_core(reply, json_encode(Refused(rejected=reason)))
        if child is not None:
            told = refused_child(child.parent, child.run_id, reason, self._partitions)
            await self._publisher.publish_many([told])

    async def _shared(self, arrivals: list[Arrival]) -> None:
        """Keep what is for our partitions; forward the rest, then acknowledge it."""
        mine: list[Arrival] = []
        others: dict[int, list[tuple[Item, Message]]] = {}
        for each in arrivals:
            item = each.items[0]
            each.partition = partition = self._partition_of(each)
            assert each.message is not None
            if partition in self._owned:
                mine.append(each)
            else:
                others.setdefault(partition, []).append((item, each.message))
        for partition, items in others.items():
            for part in _parts(items):
                await self._forward(partition, part)
        if mine:
            await self._inbox.put(mine)

    def _partition_of(self, start_or_control: Arrival) -> int:
        return partition_of(start_or_control.items[0].run_id, self._partitions)

    async def _forward(self, partition: int, items: list[tuple[Item, Message]]) -> None:
        frame = forwarded((item, message.data) for item, message in items)
        # The same messages make the same id: a second delivery is forwarded once.
        digest = hashlib.blake2b(digest_size=12)
        for _, message in items:
            digest.update(
                f"{message.subject}:{message.stream_seq}:{message.timestamp_ns};".encode()
            )
        out = Outgoing(subjects.inbox(partition), pack(frame), digest.hexdigest())
        try:
            await self._publisher.publish_many([out])
        except TransientError as error:
            logger.warning("forwarding failed", extra={LOG_REASON: error.message})
            return
        ack_all(message for _, message in items)


def _parts(items: list[tuple[Item, Message]]) -> Iterator[list[tuple[Item, Message]]]:
    """Cut what is forwarded into messages that the server takes."""
    part: list[tuple[Item, Message]] = []
    size = 0
    for each in items:
        if part and size + len(each[1].data) > MAX_FRAME_BYTES:
            yield part
            part, size = [], 0
        part.append(each)
        size += len(each[1].data) + _FORWARD_BYTES
    yield part
