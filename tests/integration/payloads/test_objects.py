"""The object store: as other clients know it."""

import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import nats
import pytest

from stretto.bus.connection import Connection, connect
from stretto.bus.ensure import ensure
from stretto.bus.publisher import Publisher
from stretto.bus.wire import publish_command
from stretto.contracts import subjects
from stretto.payloads import Carrier, ObjectStore, PayloadMissing, reference_to
from stretto.payloads.carrier import MAX_NESTING
from stretto.payloads.objects import CHUNK_BYTES, FRESH_S
from stretto.payloads.references import hash_of
from stretto.runtime.clock import US_PER_S
from stretto.runtime.errors import NotReachable, PermanentError, TransientError
from stretto.runtime.streams import PAYLOADS
from stretto.testkit.servers import NatsServer

NOW_US = 1_900_000_000_000_000
DATA = b'"' + b"x" * (3 * CHUNK_BYTES) + b'"'


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[tuple[Connection, Publisher]]:
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(await connect(nats_url, "test"))
        publisher = await stack.enter_async_context(Publisher(connection))
        yield connection, publisher


@pytest.fixture
async def store(bus: tuple[Connection, Publisher]) -> ObjectStore:
    await ensure(bus[0], [PAYLOADS], ())
    return ObjectStore(*bus)


@pytest.mark.parametrize("data", [b"1", b'"' + b"y" * (CHUNK_BYTES - 2) + b'"', DATA])
async def test_what_is_put_is_got(store: ObjectStore, data: bytes) -> None:
    name = await store.put(data, NOW_US)
    assert name == hash_of(data)
    assert await store.get(name) == data


async def test_what_is_not_there_is_none(store: ObjectStore) -> None:
    assert await store.get("0" * 64) is None


async def test_without_a_bucket_nothing_is_there(bus: tuple[Connection, Publisher]) -> None:
    assert await ObjectStore(*bus).get("0" * 64) is None


async def test_another_client_reads_what_we_put_and_we_what_it_puts(
    store: ObjectStore, nats_url: str
) -> None:
    name = await store.put(DATA, NOW_US)
    client = await nats.connect(nats_url)
    try:
        theirs = await client.jetstream().object_store(subjects.PAYLOAD_BUCKET)
        assert (await theirs.get(name)).data == DATA
        other = b'{"theirs":"' + b"z" * CHUNK_BYTES + b'"}'
        await theirs.put(hash_of(other), other)
        assert await store.get(hash_of(other)) == other
    finally:
        await client.close()


async def test_what_is_there_is_put_again_only_when_it_is_old(
    store: ObjectStore, bus: tuple[Connection, Publisher]
) -> None:
    async def stored() -> int:
        reply = await bus[0].request(f"$JS.API.STREAM.INFO.{subjects.STREAM_PAYLOADS}")
        return int(reply.data.split(b'"last_seq":')[1].split(b",")[0])

    await store.put(DATA, NOW_US)
    first = await stored()
    await store.put(DATA, NOW_US + 1)
    assert await stored() == first
    await store.put(DATA, NOW_US + int(FRESH_S * US_PER_S))
    assert await stored() > first
    assert await store.get(hash_of(DATA)) == DATA


async def test_what_is_not_whole_counts_as_missing(
    store: ObjectStore, bus: tuple[Connection, Publisher]
) -> None:
    name = await store.put(DATA, NOW_US)
    body = b'{"filter":"$O.stretto-payloads.C.>","keep":2}'
    await bus[0].request(f"$JS.API.STREAM.PURGE.{subjects.STREAM_PAYLOADS}", body)
    assert await store.get(name) is None


async def test_a_carrier_leaves_what_is_small_and_misses_what_is_nowhere(
    store: ObjectStore, bus: tuple[Connection, Publisher]
) -> None:
    carrier = Carrier(*bus, limit=100)
    assert await carrier.send(b'"small"') == b'"small"'
    sent = await carrier.send(DATA)
    assert await carrier.receive(b'{"a":' + sent + b"}", "r") == b'{"a":' + DATA + b"}"
    assert await carrier.receive(b'"$payload"', "r") == b'"$payload"'
    with pytest.raises(PermanentError, match="at most"):
        await carrier.receive(b'{"$payload":"%b","bytes":99999999999}' % (b"1" * 64), "r")
    with pytest.raises(PermanentError, match="at most"):
        await carrier.send(b"x" * (64 * 1024 * 1024 + 1))

    with pytest.raises(NotReachable):  # nobody answers for the log
        await carrier.receive(msgspec.json.encode(reference_to(b"nothing")), "r")


@pytest.mark.parametrize("knows", [True, False])
async def test_what_the_log_says_is_there_and_is_not_counts_as_missing(
    store: ObjectStore, bus: tuple[Connection, Publisher], knows: bool
) -> None:
    headers = b"" if knows else b"NATS/1.0\r\nNats-Service-Error-Code: payload_unknown\r\n\r\n"

    def answer(_subject: bytes, reply: bytes, _block: bytes, _data: bytes) -> None:
        bus[0].send(publish_command(reply, b"", headers, b"{}"))

    await bus[0].subscribe(subjects.api("workflow", "payload"), answer)
    with pytest.raises(PayloadMissing):
        await Carrier(*bus).receive(msgspec.json.encode(reference_to(b"nothing")), "r")


async def test_what_others_put_there_that_is_no_object_is_missing(
    store: ObjectStore, bus: tuple[Connection, Publisher]
) -> None:
    name = hash_of(DATA)
    meta = f"$O.{subjects.PAYLOAD_BUCKET}.M.{urlsafe_b64encode(name.encode()).decode()}"
    info = {"name": name, "bucket": "b", "nuid": "n", "size": 5, "chunks": 1}
    for data in (
        b"no json",
        json.dumps(info).encode(),
        json.dumps(info | {"size": 10**9}).encode(),
    ):
        await bus[1].publish(meta, data)
        assert await store.get(name) is None
    await bus[1].publish(meta, json.dumps(info | {"mtime": "yesterday"}).encode())
    assert await store.put(DATA, NOW_US) == name  # how old it is is not known: put again
    assert await store.get(name) == DATA


async def test_a_server_that_does_not_answer_is_not_a_missing_payload(
    bus: tuple[Connection, Publisher],
) -> None:
    def nonsense(_subject: bytes, reply: bytes, _block: bytes, _data: bytes) -> None:
        bus[0].send(publish_command(reply, b"", b"", b"{}"))

    direct = f"$JS.API.DIRECT.GET.{subjects.STREAM_PAYLOADS}.>"
    subscription = await bus[0].subscribe(direct, nonsense)
    with pytest.raises(TransientError, match="expected a stored message"):
        await ObjectStore(*bus).get("0" * 64)
    await bus[0].unsubscribe(subscription)


async def test_while_the_server_is_away_nothing_counts_as_missing(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stretto.payloads.objects.CHUNK_TIMEOUT_S", 0.05)
    server = NatsServer(data_dir)
    await server.start()
    async with await connect(server.url, "test") as connection, Publisher(connection) as publisher:
        await server.stop()
        with pytest.raises(NotReachable):
            await ObjectStore(connection, publisher).get("0" * 64)


async def test_references_in_what_references_stand_for_are_filled(
    store: ObjectStore, bus: tuple[Connection, Publisher]
) -> None:
    value = b'"deep"'
    for _ in range(MAX_NESTING):
        await store.put(value, NOW_US)
        value = b"[%b]" % msgspec.json.encode(reference_to(value))

    whole = b"[" * MAX_NESTING + b'"deep"' + b"]" * MAX_NESTING
    assert await Carrier(*bus).receive(value, "r") == whole
