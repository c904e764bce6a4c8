"""The table of kept outputs: last one wins, bounded, purged once, told in pages."""

from collections.abc import AsyncIterator

import pytest

from services.workflow.requested import Requested
from services.workflow.reuse.expiry import MIB, Expiry
from services.workflow.reuse.noting import Changes, KeptKey, KeptOutput
from services.workflow.reuse.outputs import ENTRY_BYTES, KeptOutputs, Purge, Which
from services.workflow.reuse.reads import KeptReads
from services.workflow.reuse.requests import Asked, Requests
from services.workflow.rows import Append
from services.workflow.store import ROLE, Store
from stretto.bus.service import Refusal
from stretto.contracts.failures import Reason
from stretto.contracts.reuse import PurgeRequest
from stretto.postgres import Database
from stretto.postgres.errors import Conflict
from stretto.runtime.clock import SystemClock
from stretto.telemetry.metrics import Metrics

RUN, OTHER = b"r" * 16, b"o" * 16
FAR_US = 4_000_000_000_000_000


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    found = await Database.open(dsn, ROLE)
    yield found
    await found.close()


@pytest.fixture
def outputs(database: Database) -> KeptOutputs:
    return KeptOutputs(database)


def kept(run: bytes = RUN, at_us: int = 1, until_us: int = FAR_US, size: int = 2) -> KeptOutput:
    return KeptOutput(run, "w", "a", b"1" * size, at_us, until_us)


async def commit(database: Database, changes: Changes) -> None:
    await Store(database).append(Append(kept=changes))


def at(key: str) -> KeptKey:
    return ("default", "t", key)


async def there(outputs: KeptOutputs) -> list[str]:
    return [row.key for row in await outputs.page(Which("default"), ("", ""), 100, 0)]


async def test_the_last_to_complete_is_kept_whoever_commits_first(
    database: Database, outputs: KeptOutputs
) -> None:
    await commit(database, {at("k"): kept(RUN, 2)})
    await commit(database, {at("k"): kept(OTHER, 1)})
    assert (await outputs.find([at("k")], 0))[at("k")].run_id == RUN

    await commit(database, {at("k"): kept(OTHER, 3)})

    assert (await outputs.find([at("k")], 0))[at("k")].run_id == OTHER


async def test_only_what_is_still_of_the_run_is_dropped_with_it(
    database: Database, outputs: KeptOutputs
) -> None:
    await commit(database, {at("mine"): kept(RUN), at("others"): kept(OTHER)})

    await commit(database, {at("mine"): RUN, at("others"): RUN, at("new"): kept(RUN)})

    assert await there(outputs) == ["new", "others"]


async def test_what_has_expired_is_dropped_and_then_what_is_too_much(
    database: Database, outputs: KeptOutputs
) -> None:
    now_us = SystemClock().now_us()
    await commit(
        database,
        {
            at("old"): kept(until_us=now_us - 1),
            **{at(f"{n}"): kept(until_us=FAR_US + n, size=MIB // 4) for n in range(6)},
        },
    )
    metrics, clock = Metrics(), SystemClock()
    look = Expiry(outputs, clock, metrics, 1, lambda: True).look

    assert await look() == 4
    assert await there(outputs) == ["3", "4", "5"], "those that would expire last"
    assert ENTRY_BYTES * 3 + 3 * MIB // 4 <= MIB
    assert await look() == 0


def asked(key: str = "1", **request: object) -> Asked:
    return Asked(PurgeRequest(**request), key, "default")  # type: ignore[arg-type]


class Carrying:
    """Carries out requests, and remembers what was dropped."""

    def __init__(self, outputs: KeptOutputs) -> None:
        self.dropped: list[KeptKey] = []
        requested = Requested(None, None, SystemClock())  # type: ignore[arg-type] # nothing is read
        self.requests = Requests(outputs, requested, self._note)

    async def _note(self, keys: list[KeptKey]) -> None:
        self.dropped += keys

    async def out(self, asked: Asked) -> bytes:
        answer = await self.requests.carry_out(asked)
        assert not isinstance(answer, Reason), answer
        return answer


async def test_a_request_that_comes_again_is_answered_as_before(
    database: Database, outputs: KeptOutputs
) -> None:
    await commit(database, {at("k"): kept()})
    carrying = Carrying(outputs)

    first = await carrying.out(asked(task="t"))
    await commit(database, {at("k"): kept()})
    second = await carrying.out(asked(task="t"))

    assert (first, second) == (b'{"purged":1}', b'{"purged":1}')
    assert await there(outputs) == ["k"], "it was carried out once"
    assert carrying.dropped == [at("k")]


async def test_of_two_instances_with_the_same_request_one_carries_it_out(
    database: Database, outputs: KeptOutputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    await commit(database, {at("k"): kept()})
    carrying, right = Carrying(outputs), KeptOutputs.purge

    async def slower(self: KeptOutputs, purge: Purge) -> list[KeptKey]:
        await right(self, purge)
        raise Conflict("postgres.conflict", "expected to be the first, but was not")

    monkeypatch.setattr(KeptOutputs, "purge", slower)

    assert await carrying.out(asked(task="t")) == b'{"purged":1}'
    assert carrying.dropped == []


async def test_a_query_that_is_none_is_refused(outputs: KeptOutputs) -> None:
    reads = KeptReads(outputs, SystemClock())

    with pytest.raises(Refusal) as unreadable:
        await reads.kept(b"[")
    with pytest.raises(Refusal) as unknown:
        await reads.kept(b'{"run_id": "seven"}')

    assert unreadable.value.code == "request_invalid"
    assert unknown.value.code == "run_id_invalid"
