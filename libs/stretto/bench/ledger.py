"""What the log says of runs: whether each has ended, once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from stretto.contracts.events import RunCompleted

_COUNT = """
select count(distinct run_id), count(*)
from workflow.event where type = $1 and run_id = any($2::uuid[])
"""

_TIMEOUT_S = 60.0


class Account(NamedTuple):
    """Of some runs: how many are not completed in the log, and completions beyond one a run."""

    lost: int
    doubled: int


async def account_of(dsn: str, run_ids: Sequence[str]) -> Account:
    """Count the completions of runs in the log."""
    connection = await asyncpg.connect(dsn)
    try:
        row = await connection.fetchrow(_COUNT, RunCompleted.type, run_ids, timeout=_TIMEOUT_S)
    finally:
        await connection.close()
    assert row is not None, "a count has one row"
    completed, events = row
    return Account(lost=len(run_ids) - completed, doubled=events - completed)
