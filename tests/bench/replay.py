"""`python -m tests.bench.replay`: how long it takes to have a run in memory again, from Postgres.

A run of about 10 000 events and one of about 100 000, of outputs of 200 bytes: reading, folding.
"""

import asyncio
import gc
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import asyncpg

from services.workflow.rows import StoredEvent
from services.workflow.slots import Slot, new_row
from services.workflow.store import MIGRATIONS, ROLE, SCHEMA, Store
from stretto.contracts.codec import json_encode
from stretto.contracts.graph import Graph
from stretto.postgres import Database, migrate
from stretto.runtime.context import GC_THRESHOLDS
from stretto.testkit.postgres_server import PostgresServer
from tests.bench.long_runs import carried_through, compiled, items

ITEMS = (3_333, 33_333)
"""Steps of the runs: three events each."""

REPEATS = 3
NOW = datetime.now(UTC)


async def put(dsn: str, count: int) -> tuple[bytes, Graph]:
    """Put a run into the log; its id and graph."""
    graph = compiled(items(count))
    run, log = carried_through(graph, count)
    run_id = bytes([count % 251]) + run.id[1:]
    connection = await asyncpg.connect(dsn)
    try:
        await connection.copy_records_to_table(
            "event",
            schema_name="workflow",
            records=[
                (UUID(bytes=run_id), seq, event.type, NOW, json_encode(event).decode())
                for seq, event in enumerate(log, 1)
            ],
        )
    finally:
        await connection.close()
    return run_id, graph


async def measure(store: Store, run_id: bytes, graph: Graph) -> tuple[int, float, float]:
    """Events, and the seconds that reading and folding take: the least of REPEATS."""
    reading = folding = float("inf")
    events: list[StoredEvent] = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        async for part in store.histories([run_id]):
            events = part[run_id]
        read = time.perf_counter()
        Slot.of_log(new_row(run_id, "default", "items", 1, 0), graph, events, 1)
        reading = min(reading, read - began)
        folding = min(folding, time.perf_counter() - read)
    return len(events), reading, folding


async def main() -> None:
    """Print the table."""
    gc.set_threshold(*GC_THRESHOLDS)  # as the services do
    with TemporaryDirectory() as folder:
        server = PostgresServer(Path(folder))
        await server.start()
        try:
            await migrate(server.dsn, SCHEMA, MIGRATIONS, ROLE)
            runs = [await put(server.dsn, count) for count in ITEMS]
            database = await Database.open(server.dsn, ROLE)
            for run_id, graph in runs:
                count, reading, folding = await measure(Store(database), run_id, graph)
                print(
                    f"{count:7} events: read {reading * 1e3:4.0f} ms, fold {folding * 1e3:4.0f} ms"
                )
            await database.close()
        finally:
            await server.stop()


if __name__ == "__main__":
    asyncio.run(main())
