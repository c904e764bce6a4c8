"""The receiver takes what a real exporter sends, and refuses what it must not take."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode

from stretto.dev.traces import TraceReceiver, TraceStore, receiver, tree_of

PROTOBUF = {"Content-Type": "application/x-protobuf"}


@pytest.fixture
async def listening(tmp_path: Path) -> AsyncIterator[TraceReceiver]:
    taking = TraceReceiver(tmp_path)
    await taking.start()
    yield taking
    await taking.stop()
    await taking.stop()


def export(url: str, compression: Compression) -> str:
    """Make three spans with the SDK and export them; returns the trace id."""
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces", compression=compression))
    )
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span(
        "run", attributes={"n": 1, "x": 1.5, "ok": True, "raw": b"\1"}
    ) as root:
        with tracer.start_as_current_span("step", attributes={"tags": ["a", "b"]}) as step:
            step.add_event("looked")
        try:
            with tracer.start_as_current_span("broken"):
                raise ValueError("no luck")
        except ValueError:
            root.set_status(Status(StatusCode.ERROR, "it failed"))
    provider.shutdown()
    return f"{root.get_span_context().trace_id:032x}"


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
async def test_spans_of_the_sdk_arrive_as_a_tree(
    listening: TraceReceiver, tmp_path: Path, compression: Compression
) -> None:
    trace = await asyncio.to_thread(export, listening.url, compression)
    [root] = tree_of(TraceStore.read_from(tmp_path, trace))
    assert root.span.name == "run"
    assert root.span.service == "shop"
    assert "bytes_value" in str(root.span.attributes.pop("raw"))
    assert root.span.attributes == {"n": 1, "x": 1.5, "ok": True}
    assert root.span.error == "it failed"
    step, broken = (child.span for child in root.children)
    assert step.attributes == {"tags": ["a", "b"]}
    assert step.error is None
    assert step.events == ["looked"]
    assert broken.events == ["exception: no luck"]
    assert broken.error is not None
    assert root.span.start_ns <= step.start_ns <= step.end_ns <= root.span.end_ns


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/v1/traces", PROTOBUF, b"", 200),
        ("/v1/logs", PROTOBUF, b"", 404),
        ("/v1/traces", {"Content-Type": "application/json"}, b"{}", 415),
        ("/v1/traces", PROTOBUF, b"\xff\xff", 400),
        ("/v1/traces", PROTOBUF | {"Content-Encoding": "gzip"}, b"no gzip", 400),
        (
            "/v1/traces",
            PROTOBUF | {"Content-Encoding": "gzip"},
            gzip.compress(b"\0" * 5000, mtime=0),
            413,
        ),
        ("/v1/traces", PROTOBUF | {"Content-Encoding": "br"}, b"", 415),
        ("/v1/traces", PROTOBUF, b"\0" * 5000, 413),
        ("/v1/traces", PROTOBUF | {"X-Long": "x" * 40_000}, b"", 413),
    ],
)
async def test_what_is_no_export_is_refused(
    listening: TraceReceiver,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    headers: dict[str, str],
    body: bytes,
    status: int,
) -> None:
    monkeypatch.setattr(receiver, "MAX_BODY_BYTES", 4000)
    async with httpx.AsyncClient() as client:
        answer = await client.post(listening.url + path, headers=headers, content=body)
    assert answer.status_code == status


async def test_a_second_receiver_takes_another_port(
    listening: TraceReceiver, tmp_path: Path
) -> None:
    second = TraceReceiver(tmp_path / "second")
    await second.start()
    assert second.url != listening.url
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{second.url}/v1/traces", headers=PROTOBUF, content=b"")
    assert answer.status_code == 200
    await second.stop()


async def test_a_request_without_a_length_is_refused(listening: TraceReceiver) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"x"

    async with httpx.AsyncClient() as client:
        answer = await client.post(
            f"{listening.url}/v1/traces", headers=PROTOBUF, content=endless()
        )
    assert answer.status_code == 411


async def test_more_connections_than_exporters_make_are_turned_away(
    listening: TraceReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "MAX_CONNECTIONS", 1)
    port = int(listening.url.rpartition(":")[2])
    _, first = await asyncio.open_connection("127.0.0.1", port)
    reader, second = await asyncio.open_connection("127.0.0.1", port)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    first.close()
    second.close()


async def test_a_connection_that_hangs_up_in_the_middle_does_no_harm(
    listening: TraceReceiver,
) -> None:
    port = int(listening.url.rpartition(":")[2])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /v1/traces HTTP/1.1\r\nContent-Le")
    writer.close()
    await writer.wait_closed()
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{listening.url}/v1/traces", headers=PROTOBUF, content=b"")
    assert answer.status_code == 200
