"""Runs are read back in parts: a few long ones, or many short ones, at a time."""

import uuid

import pytest

from services.workflow import loading, store
from services.workflow.store import ROLE, Store
from stretto.contracts.ids import parse_run_id
from stretto.postgres import Database
from tests.integration.workflow.definitions import ASKS
from tests.integration.workflow.world import World

EVENT = "insert into workflow.event values ($1, $2, 'step.waiting', now(), '{\"step\":\"told\"}')"


@pytest.mark.parametrize("limit", [1, 4, 5, 9, 100])
@pytest.mark.parametrize("runs", [1, 2, 500])
async def test_every_event_is_read_once_whatever_the_parts(
    alone: World, monkeypatch: pytest.MonkeyPatch, limit: int, runs: int
) -> None:
    # Given
    monkeypatch.setattr(store, "LOAD_EVENTS_AT_ONCE", limit)
    monkeypatch.setattr(store, "LOAD_RUNS_AT_ONCE", runs)
    lengths = {str(uuid.uuid4()): n for n in (3, 0, 12, 1, 5, 4)}
    for run_id, length in lengths.items():
        for seq in range(1, length + 1):
            await alone.sql(EVENT, run_id, seq)
    database = await Database.open(alone.dsn, ROLE)
    try:
        # When
        wanted = [parse_run_id(run_id) for run_id in lengths]
        parts = [part async for part in Store(database).histories(wanted)]
    finally:
        await database.close()
    # Then
    found = {run_id: [e.seq for e in events] for part in parts for run_id, events in part.items()}
    assert found == {parse_run_id(run_id): list(range(1, n + 1)) for run_id, n in lengths.items()}
    assert sum(map(len, parts)) == len(lengths)
    for part in parts:
        assert len(part) == 1 or sum(map(len, part.values())) <= limit


async def test_a_long_run_is_folded_beside_the_others(
    alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "LONG_RUN_EVENTS", 2)
    async with alone.service():
        await alone.define(ASKS)
        run = await alone.start("asks")
        await alone.waits(run, "signal", "approval")
    async with alone.service("second"):
        await alone.control(run, "signal", name="go")
        await alone.control(run, "approve", by="ops")
        await alone.status(run, "completed")
