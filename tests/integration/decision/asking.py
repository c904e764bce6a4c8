"""Ask the decision service as the workflow service does, and read what it answers."""

import asyncio
from collections.abc import Iterable, Sequence

from stretto.bus.connection import Connection
from stretto.bus.ensure import ensure
from stretto.bus.publisher import Publisher
from stretto.bus.pull import PullLoop
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode, pack, unpack_decided
from stretto.contracts.frames import DecidedRecord, DecideFrame, DecideRecord
from stretto.runtime import topology
from stretto.runtime.clock import now_us
from tests.unit.decision.plans import plan

PARTITIONS = 4
DEADLINE_S = 60.0

ECHO = plan("input", template={"echo": "${{ input.n }}"})
Key = tuple[bytes, str, int]


class Asker:
    """What the workflow service is to the decision service."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._publisher = Publisher(connection)
        self._loops: list[PullLoop] = []
        self.answers: dict[Key, DecidedRecord] = {}
        self.frames: list[tuple[int, list[DecidedRecord]]] = []

    async def open(self) -> None:
        """Make the streams, and begin to read the answers of every partition."""
        made = topology.topology_for("decision", partitions=PARTITIONS, lanes=1)
        owned = [topology.workflow_partition_consumers(p).decided for p in range(PARTITIONS)]
        await ensure(self._connection, made.streams, [*made.consumers, *owned])
        self._loops = [PullLoop(self._connection, c.stream, c.name, 100) for c in owned]

    async def close(self) -> None:
        """Stop reading."""
        for loop in self._loops:
            await loop.close()
        await self._publisher.close()

    async def publish(self, frame: DecideFrame | bytes) -> None:
        """Publish a frame."""
        data = frame if isinstance(frame, bytes) else pack(frame)
        await self._publisher.publish(subjects.decide(), data)

    async def read(self, wanted: Iterable[Key]) -> None:
        """Read until each wanted answer came at least once."""
        missing = set(wanted) - self.answers.keys()
        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
            over = asyncio.Event()
            if not missing:
                over.set()
            for partition, loop in enumerate(self._loops):
                group.create_task(self._read_partition(partition, loop, missing, over))

    async def _read_partition(
        self, partition: int, loop: PullLoop, missing: set[Key], over: asyncio.Event
    ) -> None:
        while not over.is_set():
            for message in await loop.next_batch(timeout_s=0.05):
                records = unpack_decided(message.data).records
                self.frames.append((partition, records))
                for record in records:
                    key = key_of(record)
                    self.answers[key] = record
                    missing.discard(key)
                message.ack()
            if not missing:
                over.set()


def key_of(record: DecideRecord | DecidedRecord) -> Key:
    """Return what fences an answer."""
    return record.run_id, record.path, record.turn


def asks(
    numbers: Sequence[int], encoded: bytes = ECHO, traceparent: str | None = None
) -> DecideFrame:
    """Return a frame with a record for each number, over all partitions."""
    return DecideFrame(
        plans=[encoded],
        values=[json_encode({"n": number}) for number in numbers],
        records=[
            DecideRecord(number.to_bytes(16, "big"), "step", 1, number % PARTITIONS, 0, (i,))
            for i, number in enumerate(numbers)
        ],
        sent_us=now_us(),
    )
