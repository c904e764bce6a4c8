"""What events refer to is in Postgres before they are committed, or they are refused."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.workflow import payloads, referring
from services.workflow.payloads import Payloads
from stretto.contracts import subjects
from stretto.contracts.ids import parse_run_id
from stretto.contracts.payload import MAX_STORED_BYTES
from stretto.payloads import ObjectStore, reference_to
from stretto.payloads.references import hash_of
from stretto.runtime.errors import TransientError
from tests.integration.workflow.definitions import ASKS, CHILD, ONE, PARENT, RETRIED, TWO
from tests.integration.workflow.partners import silent
from tests.integration.workflow.world import World, eventually, until

NOW_US = 1_900_000_000_000_000
NOTHING = {"$payload": "0" * 64, "bytes": 5}


def reference(data: bytes) -> dict[str, Any]:
    return {"$payload": reference_to(data).hash, "bytes": len(data)}


@pytest.fixture
async def store(alone: World) -> AsyncIterator[ObjectStore]:
    yield ObjectStore(alone.bus, alone.publisher)


async def put(store: ObjectStore, value: object) -> dict[str, Any]:
    data = json.dumps(value).encode()
    await store.put(data, NOW_US)
    return reference(data)


async def purge(world: World) -> None:
    reply = await world.bus.request(f"$JS.API.STREAM.PURGE.{subjects.STREAM_PAYLOADS}", b"{}")
    assert json.loads(reply.data)["success"]


async def kept(world: World, run: str) -> list[bytes]:
    rows = await world.sql("select data from workflow.payload where run_id = $1", run)
    return sorted(row[0] for row in rows)


async def test_a_start_keeps_what_it_refers_to_and_what_that_refers_to(
    world: World, store: ObjectStore
) -> None:
    await world.define(TWO)
    inner = await put(store, {"deep": [1, 2]})
    outer = await put(store, {"n": {"inner": inner}})

    run = await world.start("two", outer)
    state = await world.status(run, "completed")

    assert state["input"] == outer
    assert state["output"] == {"answer": {"inner": {"deep": [1, 2]}}}  # read by an expression
    assert len(await kept(world, run)) == 2


async def test_a_start_or_signal_that_refers_to_nothing_is_refused(world: World) -> None:
    await world.define(ASKS)
    refused = await world.try_start("asks", {"x": NOTHING})
    assert refused["rejected"]["code"] == "payload_missing"

    run = await world.start("asks")
    refused = await world.control(run, "signal", name="go", payload=NOTHING)
    assert refused["rejected"]["code"] == "payload_missing"
    assert "signal.received" not in await world.types(run)


@pytest.mark.parametrize(
    ("data", "size", "words"),
    [
        (b"{no json", 8, "expected JSON"),
        (b"[" * 65 + b"]" * 65, 130, "nested at most 64"),
        (b"[1]", 4, "expected 4 bytes, but it has 3"),
        (b"[1]", MAX_STORED_BYTES + 1, "at most"),
        (b'{"$payload":"' + b"[" * 300_000, 300_013, "expected JSON"),
    ],
)
async def test_what_is_no_payload_is_refused(
    world: World, store: ObjectStore, data: bytes, size: int, words: str
) -> None:
    await world.define(ASKS)
    await store.put(data, NOW_US)
    refused = await world.try_start("asks", {"$payload": hash_of(data), "bytes": size})
    assert refused["rejected"]["code"] == "payload_invalid"
    assert words in refused["rejected"]["message"]


async def test_references_without_an_end_are_refused(
    world: World, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payloads, "MAX_NESTING", 3)
    await world.define(ASKS)
    value: object = 1
    for _ in range(4):
        value = {"in": await put(store, value)}
    refused = await world.try_start("asks", value)
    assert refused["rejected"]["code"] == "payload_invalid"
    assert "nested at most 3 deep" in refused["rejected"]["message"]


async def test_an_input_by_reference_is_held_against_the_schema(
    world: World, store: ObjectStore
) -> None:
    await world.define(ONE)
    refused = await world.try_start("one", {"n": await put(store, "text")})
    assert refused["rejected"]["code"] == "input_invalid"
    run = await world.start("one", {"n": await put(store, 7)})
    await world.status(run, "completed")


async def test_an_output_that_is_nowhere_fails_its_attempt_which_is_tried_again(
    world: World,
) -> None:
    world.execution.tasks["work"] = lambda _record: NOTHING
    await world.define(RETRIED)
    run = await world.start("retried")
    await world.waits(run, "retry")
    log = [json.loads(row["data"]) for row in await world.log(run) if row["type"] == "step.failed"]
    assert log[0]["failure"]["type"] == "PayloadMissing"
    assert "retry_at" in log[0]


async def test_several_results_of_a_message_are_kept_apart(
    world: World, store: ObjectStore
) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    runs = [await world.start("one") for _ in range(2)]
    await until(lambda: len(world.execution.held) == 2)
    there = await put(store, "there")
    by_run = {subjects_run(record.run_id): record for record in world.execution.held}
    for run, output in zip(runs, (NOTHING, there), strict=True):
        world.execution.answer(by_run[run], output=output)
    assert (await world.status(runs[0], "failed"))["failure"]["type"] == "PayloadMissing"
    await world.status(runs[1], "completed")
    assert await kept(world, runs[1]) == [b'"there"']


def subjects_run(run_id: bytes) -> str:
    from stretto.contracts.ids import run_id_text

    return run_id_text(run_id)


async def test_children_and_parents_find_payloads_that_the_store_has_lost(
    alone: World, store: ObjectStore
) -> None:
    alone.execution.tasks["work"] = silent
    async with alone.service():
        await alone.define(CHILD)
        await alone.define(PARENT)
        large = await put(store, "large")
        alone.decision.losing = 1
        run = await alone.start("parent", {"n": large})
        await purge(alone)  # before the child is started
        await until(lambda: alone.execution.held)
        record = alone.execution.held.popleft()
        out = await put(store, {"n": "out"})
        alone.execution.answer(record, output=out)
        state = await alone.status(run, "completed")
        assert state["output"] == {"got": {"n": "out"}}


async def test_the_log_gives_back_what_the_store_has_lost(world: World, store: ObjectStore) -> None:
    await world.define(ASKS)
    large = await put(store, "large")
    run = await world.start("asks", {"x": large})
    await purge(world)

    answer = await world.api("payload", run_id=run, payload=large["$payload"])

    assert answer == {"payload": large["$payload"], "bytes": 7}
    assert await store.get(large["$payload"]) == b'"large"'
    for unknown in ("0" * 64, "no hash"):
        body = json.dumps({"run_id": run, "payload": unknown}).encode()
        with pytest.raises(Exception, match=r"expected run .* to have payload"):
            await world.bus.request(subjects.api("workflow", "payload"), body)


async def test_a_run_that_was_read_back_still_resolves_its_references(
    alone: World, store: ObjectStore
) -> None:
    async with alone.service("first"):
        await alone.define(ASKS)
        run = await alone.start("asks", {})
        await alone.control(run, "signal", name="go", payload=await put(store, "told"))
    async with alone.service("second"):
        await alone.control(run, "approve", by="ops")
        state = await alone.status(run, "completed")
        assert state["output"] == {"told": "told", "by": "ops"}


async def test_while_nothing_can_be_kept_messages_wait(
    alone: World, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(referring, "PAUSE_S", 0.01)
    real = Payloads.accept
    tries = []

    async def accept(self: Payloads, *args: Any) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise TransientError("postgres.unavailable", "not now")
        await real(self, *args)

    monkeypatch.setattr(Payloads, "accept", accept)
    async with alone.service():
        await alone.define(ASKS)
        run = await alone.start("asks", {"x": await put(store, 1)})
        assert len(tries) == 3
        assert len(await kept(alone, run)) == 1


async def test_a_question_that_cannot_be_put_now_is_put_by_the_sweep(
    alone: World, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.workflow import sweeping

    monkeypatch.setattr(sweeping, "SWEEP_S", 0.05)
    monkeypatch.setattr(sweeping, "ASK_OVERDUE_S", 0.1)
    real = Payloads.resolve
    failing = [True]

    async def resolve(self: Payloads, run_id: bytes, data: bytes, limit: int) -> bytes:
        if failing and limit < MAX_STORED_BYTES:
            failing.pop()
            raise TransientError("postgres.unavailable", "not now")
        return await real(self, run_id, data, limit)

    monkeypatch.setattr(Payloads, "resolve", resolve)
    async with alone.service():
        await alone.define(TWO)
        run = await alone.start("two", {"n": await put(store, 3)})
        assert (await alone.status(run, "completed"))["output"] == {"answer": 3}
        assert not failing


async def test_a_payload_that_the_log_does_not_have_fails_the_step(
    alone: World, store: ObjectStore
) -> None:
    async with alone.service():
        await alone.define(ASKS)
        run = await alone.start("asks", {})
        await alone.control(run, "signal", name="go", payload=await put(store, "told"))
        await alone.sql("delete from workflow.payload where run_id = $1", parse_run_id(run).hex())
        await alone.control(run, "approve", by="ops")
        state = await eventually(
            lambda: alone.state(run), lambda s: s["status"] in ("failed", "completed")
        )
        assert state["failure"]["type"] == "PayloadMissing"
