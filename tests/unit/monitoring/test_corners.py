"""What is asked of every namespace, what Postgres cannot hold, and a schema of somebody else's."""

import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.monitoring.intake import DAY_US, FORGET_AT_ONCE, Intake
from services.monitoring.store import Query, _conditions
from stretto.postgres.errors import BadValue
from stretto.testkit.clock import FakeClock

BAD = BadValue("postgres.bad_value", "expected text without zero bytes, but there is one")


def test_a_list_of_all_namespaces_asks_for_none() -> None:
    assert _conditions(Query(limit=1)) == ([], [])
    assert _conditions(Query(limit=1, namespace="a"))[1] == ["a"]


class Rows:
    """A store that cannot hold the rows, or the state, of some names."""

    def __init__(self, *bad: bytes) -> None:
        self.bad = bad
        self.kept: list[bytes] = []
        self.state: dict[str, bytes] = {}

    async def commit(self, _session: object, rows: list[Any], state: dict[str, bytes]) -> None:
        names = [row.run.run_id for row in rows]
        if any(name in self.bad for name in [*names, *state.values()]):
            raise BAD
        self.kept += names
        self.state |= state


def row(name: bytes) -> Any:
    return SimpleNamespace(run=SimpleNamespace(run_id=name * 16))


async def test_a_row_that_cannot_be_held_keeps_back_no_other_and_not_the_position(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Rows(b"2" * 16)
    intake = Intake.__new__(Intake)
    intake._store, intake._session = cast(Any, store), None

    await intake._write([row(b"1"), row(b"2"), row(b"3")], {"position": b"7"})

    assert store.kept == [b"1" * 16, b"3" * 16]
    assert store.state == {"position": b"7"}
    assert caplog.messages == ["row refused"]


async def test_a_position_that_cannot_be_held_is_a_fault_of_ours() -> None:
    intake = Intake.__new__(Intake)
    intake._store, intake._session = cast(Any, Rows(b"odd")), None

    with pytest.raises(BadValue):
        await intake._write([], {"position": b"odd"})


@pytest.mark.parametrize(("gone", "told"), [(3, ["old runs forgotten"]), (0, [])])
async def test_runs_that_are_older_than_they_are_kept_are_forgotten(
    gone: int, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[tuple[int, int]] = []

    async def forget(_session: object, before_us: int, most: int) -> int:
        asked.append((before_us, most))
        return gone

    clock = FakeClock()
    intake = Intake.__new__(Intake)
    intake._store, intake._session = cast(Any, SimpleNamespace(forget=forget)), None
    intake._clock, intake._keep_us = clock, DAY_US

    with caplog.at_level(logging.INFO):
        await intake._forget_old()

    assert asked == [(clock.now_us() - DAY_US, FORGET_AT_ONCE)]
    assert caplog.messages == told
