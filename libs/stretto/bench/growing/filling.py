"""Fill a stack: closed runs by COPY into the log, open runs by starting them, devices by telling
of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from stretto.bench.definitions import ONE
from stretto.bench.rig import Rig
from stretto.contracts import subjects
from stretto.contracts.ids import shard_of, uuid7
from stretto.contracts.public import Presence

WAITING = "bench-waiting"
WAITING_SOURCE = f"workflow: {WAITING}\nsteps:\n  told: {{signal: {{name: go}}}}\n"

COPY_RUNS = 20_000
"""Runs of one COPY: a few megabytes."""

COPY_TIMEOUT_S = 120.0
START_AT_ONCE = 2_000
PRESENCE_EVERY_S = 5.0
SPREAD_S = 3600.0
"""The closed runs have ended within the last hour, oldest first, as in a log that is in use."""

RUN_COLUMNS = (
    "run_id", "shard", "namespace", "workflow", "version", "status", "started_at", "closed_at",
)  # fmt: skip
EVENT_COLUMNS = ("run_id", "seq", "type", "at", "data")
STARTED = '{"workflow": "bench-one", "version": 1, "input": {}}'
BETWEEN = '{"step": "s1", "attempt": 1, "output": {"n": 1}}'
COMPLETED = '{"output": null}'

Event = tuple[UUID, int, str, datetime, str]
Row = tuple[UUID, int, str, str, int, str, datetime, datetime]


def closed_run(number: int, ended: datetime, events: int) -> tuple[Row, list[Event]]:
    """Make a closed run of at least two events. It is never folded: only its size matters."""
    raw = uuid7(int(ended.timestamp() * 1000), b"bench-closed-%d" % number)
    run_id = UUID(bytes=raw)
    row = (run_id, shard_of(raw), "default", ONE, 1, "completed", ended, ended)
    story = [(run_id, 1, "run.started", ended, STARTED)]
    story += [(run_id, seq, "step.completed", ended, BETWEEN) for seq in range(2, events)]
    return row, [*story, (run_id, max(2, events), "run.completed", ended, COMPLETED)]


def batches(runs: int, events: int, now: datetime) -> Iterator[tuple[list[Row], list[Event]]]:
    """Make closed runs, in pieces of one COPY each."""
    for first in range(0, runs, COPY_RUNS):
        rows: list[Row] = []
        story: list[Event] = []
        for number in range(first, min(first + COPY_RUNS, runs)):
            ended = now - timedelta(seconds=SPREAD_S * (1 - number / runs))
            row, told = closed_run(number, ended, events)
            rows.append(row)
            story += told
        yield rows, story


async def fill_closed(rig: Rig, runs: int, events: int) -> None:
    """Put closed runs into the log."""
    connection = await asyncpg.connect(rig.postgres)
    try:
        for rows, story in batches(runs, events, datetime.now(UTC)):
            for table, columns, records in (
                ("run", RUN_COLUMNS, rows),
                ("event", EVENT_COLUMNS, story),
            ):
                await connection.copy_records_to_table(
                    table,
                    schema_name="workflow",
                    columns=columns,
                    records=records,
                    timeout=COPY_TIMEOUT_S,
                )
    finally:
        await connection.close()
    await _tidy(rig)


async def _tidy(rig: Rig) -> None:
    """Do now what autovacuum does within a minute or two, just while it is measured: learn how
    large the tables are, and take out the rows that runs have left behind."""
    connection = await asyncpg.connect(rig.postgres)
    try:
        for table in ("workflow.event", "workflow.run"):
            await connection.execute(f"vacuum (analyze) {table}", timeout=COPY_TIMEOUT_S)
    finally:
        await connection.close()


async def fill_open(rig: Rig, runs: int) -> None:
    """Start runs that wait for a signal that never comes."""
    await rig.client.register(WAITING_SOURCE)
    for first in range(0, runs, START_AT_ONCE):
        count = min(START_AT_ONCE, runs - first)
        await rig.client.start_many((WAITING, {}) for _ in range(count))
    deadline = time.monotonic() + COPY_TIMEOUT_S
    while (known := (await rig.client.stats()).workflows.get(WAITING, {}).get("running", 0)) < runs:
        if time.monotonic() > deadline:
            raise TimeoutError(f"expected {runs} open runs, but there are {known}")
        await asyncio.sleep(0.5)
    await _tidy(rig)


@asynccontextmanager
async def devices(rig: Rig, count: int) -> AsyncIterator[None]:
    """Let so many devices tell of themselves every few seconds while the context is open."""
    told = [
        (subjects.presence("default", f"device-{n}"), msgspec.json.encode(_presence(n)))
        for n in range(count)
    ]
    async with asyncio.TaskGroup() as group:
        telling = group.create_task(_tell(rig, told))
        await asyncio.sleep(PRESENCE_EVERY_S)
        yield
        telling.cancel()


def _presence(number: int) -> Presence:
    return Presence(
        device=f"device-{number}",
        tasks=["bench.device"],
        capabilities=["camera"],
        attributes={"site": f"site-{number % 100}"},
    )


async def _tell(rig: Rig, told: list[tuple[str, bytes]]) -> None:
    """Spread them over the interval, as devices are that were switched on at some time."""
    pieces = 50
    while True:
        for piece in range(pieces):
            began = time.perf_counter()
            for subject, data in told[piece::pieces]:
                await rig.client.connection.publish(subject, data)
            rest = PRESENCE_EVERY_S / pieces - (time.perf_counter() - began)
            await asyncio.sleep(max(0.0, rest))
