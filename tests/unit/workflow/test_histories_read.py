"""Histories are read in parts; a row that Postgres cannot give back keeps nobody else waiting."""

import logging
from typing import Any, cast

import pytest

from services.workflow.store import LOAD_EVENTS_AT_ONCE, LOAD_RUNS_AT_ONCE, Store
from stretto.contracts.ids import run_id_text
from stretto.postgres.errors import BadValue

RUNS = [n.to_bytes(16, "big") for n in range(700)]


class Log:
    """Two events of each run, but for those that are `long`; some cannot be read."""

    def __init__(self, *bad: bytes, long: dict[bytes, int] | None = None) -> None:
        self.bad = set(bad)
        self.long = long or {}
        self.asked = 0

    async def fetch(self, statement: str, *args: Any) -> list[tuple[Any, ...]]:
        self.asked += 1
        if "seq > $2" in statement:
            run_id, after, most = args
            seqs = range(after + 1, self.long[run_id] + 1)[:most]
            if run_id in self.bad:
                raise BadValue("postgres.54000", "expected a value of up to 1 GB")
            return [(seq, "step.completed", seq, b"{}") for seq in seqs]
        part, most = args
        assert len(part) <= LOAD_RUNS_AT_ONCE
        rows = [
            (run_id, seq, "step.completed", seq, b"{}")
            for run_id in part
            for seq in range(1, self.long.get(run_id, 2) + 1)
        ][:most]
        if any(row[0] in self.bad and row[0] not in self.long for row in rows):
            raise BadValue("postgres.54000", "expected a value of up to 1 GB")
        return rows


async def read(log: Log) -> dict[bytes, int]:
    return {
        run_id: len(events)
        async for part in Store(cast(Any, log)).histories(RUNS)
        for run_id, events in part.items()
    }


async def test_all_are_read_in_parts_and_in_whole_runs() -> None:
    log = Log(long={RUNS[3]: LOAD_EVENTS_AT_ONCE + 5, RUNS[4]: LOAD_EVENTS_AT_ONCE - 3})

    found = await read(log)

    assert list(found) == RUNS
    assert found == {r: log.long.get(r, 2) for r in RUNS}


async def test_runs_that_cannot_be_read_are_left_out_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad = (RUNS[0], RUNS[77], RUNS[78], RUNS[699])
    log = Log(*bad)

    with caplog.at_level(logging.ERROR):
        found = await read(log)

    assert list(found) == [run for run in RUNS if run not in bad]
    told = [record.__dict__["run_id"] for record in caplog.records]
    assert told == [run_id_text(run) for run in bad]
    assert log.asked < 100


async def test_a_long_run_that_cannot_be_read_to_its_end_is_left_out() -> None:
    log = Log(RUNS[3], long={RUNS[3]: 2 * LOAD_EVENTS_AT_ONCE})

    assert list(await read(log)) == [run for run in RUNS if run != RUNS[3]]
