"""Parts of the shell around reuse: what a commit changes, what Redis may hold."""

import asyncio
from collections.abc import Sequence

import pytest

from services.workflow.core.effects import Seek
from services.workflow.core.reuse import Dropped, Kept
from services.workflow.inbox import Inbox
from services.workflow.reuse import expiry
from services.workflow.reuse import seeking as seeking_module
from services.workflow.reuse.expiry import Expiry
from services.workflow.reuse.noting import Changes, KeptKey, KeptOutput, Whose, note
from services.workflow.reuse.outputs import KeptOutputs, columns
from services.workflow.reuse.seeking import Seeker, Seeking
from services.workflow.reuse.shared import SharedOutputs, _encode, _name, _read
from stretto.postgres import Database
from stretto.runtime.clock import SystemClock
from stretto.runtime.errors import NotReachable
from stretto.telemetry.metrics import Metrics

MINE, YOURS = Whose(b"m" * 16, "ns", "w"), Whose(b"y" * 16, "ns", "v")
AT = ("ns", "t", "k")
KEPT, DROPPED = Kept("t", "k", "a", 10.0, b"1"), Dropped("t", "k")


def noted(*told: tuple[Whose, Kept | Dropped]) -> Changes:
    changes: Changes = {}
    for whose, each in told:
        note(changes, whose, [each], 7)
    return changes


def test_the_last_of_a_commit_counts() -> None:
    assert noted((MINE, KEPT), (YOURS, KEPT)) == {
        AT: KeptOutput(YOURS.run_id, "v", "a", b"1", 7, 10_000_007)
    }
    assert noted((MINE, KEPT), (MINE, DROPPED)) == {AT: MINE.run_id}
    assert noted((MINE, DROPPED)) == {AT: MINE.run_id}


def test_what_another_run_keeps_in_the_same_commit_is_not_dropped() -> None:
    assert noted((YOURS, KEPT), (MINE, DROPPED)) == noted((YOURS, KEPT))
    assert noted((YOURS, DROPPED), (MINE, DROPPED)) == {AT: YOURS.run_id}


def test_rows_are_in_the_order_of_their_keys() -> None:
    changes = noted((MINE, Kept("t", "z", "a", 1.0, b"1")), (MINE, Kept("t", "b", "a", 1.0, b"1")))

    assert columns(changes)[2] == ["b", "z"]


def test_what_redis_holds_of_another_build_is_nothing() -> None:
    kept = KeptOutput(b"m" * 16, "w", "a", b"1", 7, 8)

    assert _read(_encode(kept)) == kept
    assert _read(b"rubbish") is None
    assert _read(b"\x81\xa1a" * 5_000) is None, "nested too deep"
    assert _name(AT) != _name(("ns", "t k", ""))


class Away(KeptOutputs):
    """Postgres does not answer, and says so to who waits for it."""

    def __init__(self) -> None:
        super().__init__(Database(None, "", ""))
        self.asked = asyncio.Event()

    async def expire(self, now_us: int, limit: int) -> int:
        self.asked.set()
        raise NotReachable("postgres.not_reachable", "expected an answer, but none came")

    async def find(self, keys: Sequence[KeptKey], now_us: int) -> dict[KeptKey, KeptOutput]:
        raise AssertionError("nobody looks for anything")


async def test_expiry_goes_on_when_postgres_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(expiry, "LOOK_S", 0.001)
    outputs = Away()
    looks = Expiry(outputs, SystemClock(), Metrics(), 1, lambda: True)

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        task = group.create_task(looks.run())
        for _ in range(2):
            await outputs.asked.wait()
            outputs.asked.clear()
        task.cancel()


async def test_nobody_who_waits_is_nobody_to_answer() -> None:
    seeking = Seeking(SharedOutputs(Away(), None), None, SystemClock(), Metrics())  # type: ignore[arg-type]

    assert await seeking.answer() == 0


async def test_more_than_are_looked_for_at_once_are_answered_in_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(seeking_module, "MAX_AT_ONCE", 2)
    asked: list[int] = []

    class Empty(SharedOutputs):
        async def find(self, keys: Sequence[KeptKey], now_us: int) -> dict[KeptKey, KeptOutput]:
            asked.append(len(keys))
            return {}

    inbox = Inbox()
    seeking = Seeking(Empty(Away(), None), inbox, SystemClock(), Metrics())
    seeking.ask(Seeker(MINE.run_id, "ns", Seek(f"s{n}", 1, "t", f"k{n}", 9.0)) for n in range(3))

    assert await seeking.answer() == 2
    assert seeking._some.is_set(), "one still waits"
    assert await seeking.answer() == 1
    assert not seeking._some.is_set()
    assert asked == [2, 1]
    assert len(inbox) == 3
