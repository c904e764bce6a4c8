"""The parts of `std.*` tasks that need no network."""

import ipaddress
import logging
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from services.execution.own.addresses import AddressRefused, is_public, resolve
from services.execution.own.durations import seconds_of
from services.execution.own.tasks import SubjectRefused, own_handlers
from stretto.contracts.public import Task
from stretto.runtime.errors import PermanentError
from stretto.worker.context import Context
from stretto.worker.errors import InvalidInput
from stretto.worker.outcome import failure_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("200ms", 0.2), ("1.5s", 1.5), ("1h30m", 5_400.0), ("2d", 172_800.0), (3, 3.0), (0.5, 0.5)],
)
def test_durations_are_read(text: str | float, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1", "s", "1 s", "-1s", "1w", -1, float("inf"), float("nan")])
def test_what_is_no_duration_is_refused(text: str | float) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700:4700::1111", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("192.168.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::808:808", True),
        ("2001:0:0:0:0:0:80ff:fffe", False),
    ],
)
def test_only_public_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


async def test_names_of_private_addresses_are_refused_unless_allowed() -> None:
    with pytest.raises(AddressRefused, match="STRETTO_HTTP_ALLOW_PRIVATE"):
        await resolve("localhost", 80, allow_private=False)
    assert await resolve("127.0.0.1", 80, allow_private=True) == "127.0.0.1"
    assert await resolve("8.8.8.8", 80, allow_private=False) == "8.8.8.8"


class Wire:
    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, Mapping[str, str]]] = []
        self.error: Exception | None = None

    async def publish(self, subject: str, data: bytes, headers: Mapping[str, str]) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append((subject, data, headers))


async def run(wire: Wire, task: str, given: object = None) -> Any:
    handler = own_handlers(wire.publish, "_IN.execution", http_allow_private=False)[task]
    arguments = handler.binding.read(msgspec.Raw(msgspec.json.encode(given)))
    if handler.binding.context is not None:
        facts = Task(
            id="r:s:1",
            run_id="r",
            step="s",
            attempt=1,
            task=task,
            input=msgspec.Raw(b"1"),
            reply="",
        )
        arguments[handler.binding.context] = Context(facts)
    return await handler.function(**arguments)


async def test_publish_sends_texts_as_they_are_and_the_rest_as_json() -> None:
    wire = Wire()
    await run(wire, "std.publish", {"subject": "a.b", "payload": 'say "hi"'})
    await run(wire, "std.publish", {"subject": "a.b", "payload": {"n": 1}, "headers": {"k": "v"}})
    await run(wire, "std.publish", {"subject": "a.b"})
    assert wire.sent == [
        ("a.b", b'say "hi"', {}),
        ("a.b", b'{"n":1}', {"k": "v"}),
        ("a.b", b"null", {}),
    ]


@pytest.mark.parametrize(
    "subject",
    [
        *("stretto.start.default.x", "stretto", "$JS.API.STREAM.PURGE.X", "$SYS"),
        *("_INBOX.x", "_IN.x", "a.*", "a.>", "a..b", "", ".a", "a b", "a\tb"),
    ],
)
async def test_publish_refuses_subjects_that_are_not_the_workflows(subject: str) -> None:
    wire = Wire()
    with pytest.raises(SubjectRefused) as caught:
        await run(wire, "std.publish", {"subject": subject})
    assert not failure_of(caught.value).retryable
    assert wire.sent == []


async def test_publish_tells_what_the_bus_refuses() -> None:
    wire = Wire()
    wire.error = PermanentError("bus.bad_header", "expected a header of one line")
    with pytest.raises(InvalidInput, match="one line"):
        await run(wire, "std.publish", {"subject": "a", "headers": {"k": "v"}})


async def test_log_writes_a_line_with_the_run_and_further_fields(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        await run(Wire(), "std.log", {"message": "100 %s done", "level": "warning", "left": 3})
        await run(Wire(), "std.log", {"message": "plain"})
    first, second = caplog.records
    assert (first.levelname, first.getMessage()) == ("WARNING", "100 %s done")
    assert (first.run_id, first.detail) == ("r", '{"left":3}')  # type: ignore[attr-defined]
    assert (second.levelname, hasattr(second, "detail")) == ("INFO", False)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "either 'seconds' or 'duration'"),
        ({"seconds": 1, "duration": "1s"}, "either"),
        ({"duration": "long"}, "expected a duration"),
    ],
)
async def test_sleep_wants_one_duration(given: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        await run(Wire(), "std.sleep", given)


async def test_sleep_takes_numbers_and_texts() -> None:
    await run(Wire(), "std.sleep", {"seconds": 0.0})
    await run(Wire(), "std.sleep", {"duration": "1ms"})


async def test_fail_fails_as_asked() -> None:
    with pytest.raises(Exception, match="out of stock") as caught:
        await run(Wire(), "std.fail", {"type": "OutOfStock", "message": "out of stock"})
    failure = failure_of(caught.value)
    assert (failure.type, failure.retryable) == ("OutOfStock", False)
    with pytest.raises(Exception, match=r"^$") as caught:
        await run(Wire(), "std.fail", {"retryable": True})
    assert failure_of(caught.value).retryable


async def test_echo_gives_back_any_input_byte_by_byte() -> None:
    assert bytes(await run(Wire(), "std.echo", [1, {"a": None}])) == b'[1,{"a":null}]'
