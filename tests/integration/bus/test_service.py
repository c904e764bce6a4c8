"""Request/reply: clear errors for who asks, bounded work for who answers, discoverable."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import nats
import nats.micro
import pytest

from stretto.bus.connection import Connection, connect
from stretto.bus.request import RemoteError, Requests
from stretto.bus.service import Handler, Refusal, Service
from stretto.runtime.errors import NotReachable, PermanentError, TransientError
from stretto.testkit.servers import NatsServer


async def echo(data: bytes) -> bytes:
    """Answer what was asked."""
    return data


async def refuse(_data: bytes) -> bytes:
    """Answer with an error of our own."""
    raise Refusal("demo.unknown_run", "expected a run that exists,\r\nbut there is no 'ü'")


async def fail(_data: bytes) -> bytes:
    """Have a bug."""
    raise KeyError("bug")


@asynccontextmanager
async def serving(
    connection: Connection, operations: dict[str, Handler], **more: int
) -> AsyncIterator[Service]:
    """Run a service and wait until it answers."""
    service = Service(connection, "demo", operations, **more)
    running = asyncio.ensure_future(service.run())
    await service.ready.wait()
    yield service
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not service.ready.is_set()


async def test_a_request_is_answered(bus: Connection) -> None:
    async with serving(bus, {"echo": echo}):
        reply = await bus.request("stretto.api.demo.echo", b"hello")
        assert reply.data == b"hello"
        assert reply.headers == {}
        replies = await asyncio.gather(
            *(bus.request("stretto.api.demo.echo", b"%d" % n) for n in range(100))
        )
        assert [int(r.data) for r in replies] == list(range(100))


async def test_errors_come_with_their_code_and_a_bug_without_its_secrets(
    bus: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(bus, {"refuse": refuse, "fail": fail}):
        with pytest.raises(RemoteError, match="but there is no 'ü'") as caught:
            await bus.request("stretto.api.demo.refuse")
        assert caught.value.code == "demo.unknown_run"
        with caplog.at_level(logging.CRITICAL), pytest.raises(RemoteError) as caught:
            await bus.request("stretto.api.demo.fail")
        assert caught.value.code == "service.internal"
        assert "bug" not in caught.value.message


async def test_nobody_who_listens_is_not_reachable_at_once(bus: Connection) -> None:
    with pytest.raises(NotReachable) as caught:
        await bus.request("stretto.api.nobody.there", timeout_s=10)
    assert caught.value.code == "bus.no_responders"


async def test_no_answer_in_time_is_transient(bus: Connection) -> None:
    await bus.subscribe("silent", lambda *_: None)
    with pytest.raises(TransientError) as caught:
        await bus.request("silent", timeout_s=0.05)
    assert caught.value.code == "bus.request_timeout"


async def test_a_server_that_is_away_is_not_reachable(
    own_server: NatsServer, own_bus: Connection
) -> None:
    await own_server.kill()
    async with asyncio.timeout(5):
        while own_bus.is_connected:  # noqa: ASYNC110 - the loss is noticed by the read loop
            await asyncio.sleep(0.01)
    with pytest.raises(NotReachable) as caught:
        await own_bus.request("a", timeout_s=0.05)
    assert caught.value.code == "bus.disconnected"


async def test_what_cannot_be_sent_is_refused(bus: Connection) -> None:
    requests = Requests(bus)
    with pytest.raises(PermanentError):
        await requests.ask("white space")
    with pytest.raises(PermanentError):
        await requests.ask("a", b"x" * (bus.max_payload_bytes + 1))


async def test_answers_nobody_asked_for_are_ignored(bus: Connection) -> None:
    requests = Requests(bus)
    await bus.subscribe(
        "twice", lambda _s, reply, _b, _d: [bus.send(b"PUB %b 0\r\n\r\n" % reply)] * 2
    )
    assert (await requests.ask("twice")).data == b""
    await bus.publish(requests._inbox + "999", b"")
    await bus.publish(requests._inbox + "x", b"")
    assert (await requests.ask("twice")).data == b""


async def test_slow_answers_do_not_hold_up_others_and_too_many_are_refused(bus: Connection) -> None:
    release = asyncio.Event()

    async def slow(data: bytes) -> bytes:
        await release.wait()
        return data

    async with serving(bus, {"slow": slow, "echo": echo}, max_running=3, max_waiting=4):
        slow_ones = [
            asyncio.ensure_future(bus.request("stretto.api.demo.slow", b"1")) for _ in range(2)
        ]
        assert (await bus.request("stretto.api.demo.echo", b"2")).data == b"2"
        slow_ones += [
            asyncio.ensure_future(bus.request("stretto.api.demo.slow", b"1")) for _ in range(5)
        ]
        await bus.flush()
        with pytest.raises(RemoteError) as caught:
            await bus.request("stretto.api.demo.slow")
        assert caught.value.code == "service.busy"
        release.set()
        assert [reply.data for reply in await asyncio.gather(*slow_ones)] == [b"1"] * 7


async def test_an_answer_that_is_too_large_is_an_error_not_silence(bus: Connection) -> None:
    async def large(_data: bytes) -> bytes:
        return b"x" * (bus.max_payload_bytes + 1)

    async with serving(bus, {"large": large}):
        with pytest.raises(RemoteError) as caught:
            await bus.request("stretto.api.demo.large")
        assert caught.value.code == "bus.message_too_large"


async def test_instances_share_the_requests(nats_url: str, bus: Connection) -> None:
    counts = [0, 0]

    def counting(index: int) -> Handler:
        async def count(data: bytes) -> bytes:
            counts[index] += 1
            return data

        return count

    async with (
        await connect(nats_url, "one") as one,
        await connect(nats_url, "two") as two,
        serving(one, {"count": counting(0)}),
        serving(two, {"count": counting(1)}),
    ):
        for _ in range(60):
            await bus.request("stretto.api.demo.count")
    assert sum(counts) == 60
    assert all(counts)


async def test_it_is_discoverable_as_a_micro_service(nats_url: str, bus: Connection) -> None:
    async with serving(bus, {"echo": echo, "fail": refuse}):
        await bus.request("stretto.api.demo.echo", b"1")
        with pytest.raises(RemoteError):
            await bus.request("stretto.api.demo.fail")
        other = await nats.connect(nats_url)
        for subject in ("$SRV.PING", "$SRV.PING.demo"):
            ping = msgspec.json.decode((await other.request(subject)).data)
            assert (ping["type"], ping["name"]) == ("io.nats.micro.v1.ping_response", "demo")
        reply = await other.request(f"$SRV.INFO.demo.{ping['id']}")
        info = nats.micro.service.ServiceInfo.from_dict(msgspec.json.decode(reply.data))
        assert {e.subject for e in info.endpoints} == {
            "stretto.api.demo.echo",
            "stretto.api.demo.fail",
        }
        reply = await other.request("$SRV.STATS.demo")
        raw = msgspec.json.decode(reply.data)
        assert {e["name"]: (e["num_requests"], e["num_errors"]) for e in raw["endpoints"]} == {
            "echo": (1, 0),
            "fail": (1, 1),
        }
        await other.publish("stretto.api.demo.echo", b"no reply asked for")
        await other.publish("$SRV.PING", b"no reply asked for")
        await other.flush()
        await other.close()
