"""Streams and consumers become what is declared, from any number of processes."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from stretto.bus.connection import Connection, connect
from stretto.bus.ensure import delete_consumer, delete_stream, ensure
from stretto.bus.publisher import Publisher
from stretto.bus.topology import Consumer, Stream, SubjectTransform
from stretto.runtime.errors import NotReachable, PermanentError, TransientError
from stretto.testkit.servers import NatsServer

from .reading import read_all

EVENTS = Stream(
    name="EVENTS",
    subjects=("events.*.*",),
    storage="memory",
    retention="limits",
    max_age_s=60,
    max_bytes=10_000_000,
    max_messages=1000,
    max_messages_per_subject=500,
    max_message_bytes=100_000,
    duplicate_window_s=5,
    discard="old",
    allow_direct=True,
    subject_transform=SubjectTransform(source="events.*.*", destination="events.{{wildcard(1)}}"),
    description="made up",
)
READERS = [
    Consumer(stream="EVENTS", name="everything"),
    Consumer(stream="EVENTS", name="one", filter_subjects=("events.a",), ack_policy="all"),
    Consumer(
        stream="EVENTS",
        name="two",
        filter_subjects=("events.a", "events.b"),
        ack_wait_s=5,
        max_ack_pending=7,
        max_deliver=3,
        max_waiting=9,
        inactive_threshold_s=60,
        deliver="new",
        memory_storage=True,
        description="made up",
    ),
    Consumer(stream="EVENTS", name="none", ack_policy="none"),
    Consumer(stream="EVENTS", name="pinned", priority_group="g", priority_timeout_s=2),
]


async def config_of(bus: Connection, what: str) -> dict[str, Any]:
    """Return the configuration that the server has."""
    reply = await bus.request(f"$JS.API.{what}")
    config: dict[str, Any] = msgspec.json.decode(reply.data)["config"]
    return config


async def test_what_is_declared_is_what_the_server_has(bus: Connection) -> None:
    await ensure(bus, [EVENTS], READERS)
    stream = await config_of(bus, "STREAM.INFO.EVENTS")
    assert stream["subjects"] == ["events.*.*"]
    assert (stream["storage"], stream["retention"], stream["discard"]) == (
        "memory",
        "limits",
        "old",
    )
    assert (stream["max_age"], stream["duplicate_window"]) == (60_000_000_000, 5_000_000_000)
    assert (stream["max_bytes"], stream["max_msgs"]) == (10_000_000, 1000)
    two = await config_of(bus, "CONSUMER.INFO.EVENTS.two")
    assert two["filter_subjects"] == ["events.a", "events.b"]
    assert (two["ack_wait"], two["max_ack_pending"], two["max_deliver"]) == (5_000_000_000, 7, 3)
    assert (two["max_waiting"], two["inactive_threshold"]) == (9, 60_000_000_000)
    pinned = await config_of(bus, "CONSUMER.INFO.EVENTS.pinned")
    assert pinned["priority_policy"] == "pinned_client"
    assert pinned["priority_timeout"] == 2_000_000_000


async def test_it_can_be_done_again_by_many_at_once(nats_url: str, bus: Connection) -> None:
    connections = [await connect(nats_url, f"c{n}") for n in range(5)]
    async with asyncio.TaskGroup() as group:
        for connection in connections:
            for _ in range(3):
                group.create_task(ensure(connection, [EVENTS], READERS))
    for connection in connections:
        await connection.close()
    reply = await bus.request("$JS.API.CONSUMER.NAMES.EVENTS")
    assert set(msgspec.json.decode(reply.data)["consumers"]) == {c.name for c in READERS}


async def test_a_changed_declaration_updates_without_losing_messages(bus: Connection) -> None:
    await ensure(bus, [EVENTS], [READERS[0]])
    async with Publisher(bus) as publisher:
        await publisher.publish("events.a.run-1", b"1")
    larger = msgspec.structs.replace(EVENTS, max_bytes=20_000_000)
    await ensure(bus, [larger], [msgspec.structs.replace(READERS[0], ack_wait_s=77)])
    assert (await config_of(bus, "STREAM.INFO.EVENTS"))["max_bytes"] == 20_000_000
    consumer = await config_of(bus, "CONSUMER.INFO.EVENTS.everything")
    assert consumer["ack_wait"] == 77_000_000_000
    [message] = await read_all(bus, "EVENTS")
    assert message.subject == "events.a", "the transform drops the last token"


async def test_a_stream_that_is_stored_otherwise_keeps_its_messages_and_takes_the_rest(
    bus: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    await ensure(bus, [EVENTS])
    async with Publisher(bus) as publisher:
        await publisher.publish("events.a.run-1", b"1")
    other = msgspec.structs.replace(EVENTS, storage="file", persist="async", max_bytes=20_000_000)

    await ensure(bus, [other])

    found = await config_of(bus, "STREAM.INFO.EVENTS")
    assert (found["storage"], found["max_bytes"]) == ("memory", 20_000_000)
    assert len(await read_all(bus, "EVENTS")) == 1
    assert "stream of an older build keeps how it is stored" in caplog.messages


async def test_what_cannot_be_changed_is_a_permanent_error_with_the_servers_reason(
    bus: Connection,
) -> None:
    await ensure(bus, [EVENTS])
    with pytest.raises(PermanentError, match="retention"):
        await ensure(bus, [msgspec.structs.replace(EVENTS, retention="workqueue")], timeout_s=1)
    overlapping = Stream(name="OTHER", subjects=("events.>",))
    with pytest.raises(PermanentError, match="overlap"):
        await ensure(bus, [overlapping])
    with pytest.raises(PermanentError, match="unique"):
        queue = Stream(name="Q", subjects=("q",), retention="workqueue")
        await ensure(bus, [queue], [Consumer(stream="Q", name="a")])
        await ensure(bus, [], [Consumer(stream="Q", name="b", filter_subjects=("q",))])


async def test_a_consumer_of_a_missing_stream_is_waited_for_until_the_timeout(
    bus: Connection,
) -> None:
    making = asyncio.ensure_future(ensure(bus, [], [READERS[0]]))
    await ensure(bus, [EVENTS])
    async with asyncio.timeout(10):
        await making
    with pytest.raises(TransientError, match="stream not found"):
        await ensure(bus, [], [Consumer(stream="NEVER", name="c")], timeout_s=0.2)


async def test_no_jetstream_is_not_reachable(own_server: NatsServer, own_bus: Connection) -> None:
    await own_server.kill()
    with pytest.raises(NotReachable):
        await ensure(own_bus, [EVENTS], timeout_s=0.2)


async def test_a_stream_that_vanishes_between_two_requests_is_made(bus: Connection) -> None:
    await ensure(bus, [EVENTS])
    larger = msgspec.structs.replace(EVENTS, max_bytes=20_000_000)
    request = bus.request

    async def request_and_lose(subject: str, *args: Any, **more: Any) -> Any:
        if subject.startswith("$JS.API.STREAM.UPDATE"):
            bus.request = request  # type: ignore[method-assign]
            await delete_stream(bus, "EVENTS")
        return await request(subject, *args, **more)

    bus.request = request_and_lose  # type: ignore[method-assign]
    await ensure(bus, [larger])
    assert (await config_of(bus, "STREAM.INFO.EVENTS"))["max_bytes"] == 20_000_000


async def test_a_stream_that_vanishes_before_its_consumers_are_made_is_made_again(
    bus: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is deleted stream by stream while somebody makes it again."""
    real = Connection.request
    deleted: list[str] = []

    async def request(self: Connection, subject: str, data: bytes = b"", **more: Any) -> Any:
        if ".CONSUMER.CREATE." in subject and not deleted:
            deleted.append("EVENTS")
            await delete_stream(bus, "EVENTS")
        return await real(self, subject, data, **more)

    monkeypatch.setattr(Connection, "request", request)
    await ensure(bus, [EVENTS], READERS, timeout_s=10)
    assert deleted
    assert (await config_of(bus, "CONSUMER.INFO.EVENTS.two"))["name"] == "two"


async def test_deleting_says_whether_it_was_there(bus: Connection) -> None:
    await ensure(bus, [EVENTS], [READERS[0]])
    assert await delete_consumer(bus, "EVENTS", "everything")
    assert not await delete_consumer(bus, "EVENTS", "everything")
    assert await delete_stream(bus, "EVENTS")
    assert not await delete_stream(bus, "EVENTS")
