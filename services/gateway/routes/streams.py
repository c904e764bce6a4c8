"""Events: the history of a run, as a stream that follows it, and WebSockets."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Query, Response, WebSocket
from fastapi.responses import StreamingResponse
from starlette.websockets import WebSocketDisconnect

from services.gateway.documented import gives, ref
from services.gateway.gate import Gate
from services.gateway.problems import Refused
from services.gateway.relay import Relay
from services.gateway.routes.runs import MAX_HISTORY, RunId, TheGate, checked_run_id, json_answer
from stretto.client.feed import Feed, RunEvent
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.contracts.ids import parse_run_id, run_id_text

router = APIRouter(prefix="/api/v1", tags=["events"])

HEARTBEAT_S = 15.0
"""An event stream says something at least so often, so that what is between does not cut it."""

HELLO_TIMEOUT_S = 5.0
"""A WebSocket that does not say what it wants in this time is closed."""

CLOSE_UNAUTHORISED = 4401
CLOSE_REFUSED = 4400
CLOSE_TOO_MANY = 1013


class Watch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first message of a WebSocket: what to watch. `heads`: of each run only how it stands."""

    namespace: str = "default"
    workflow: str | None = None
    run_id: str | None = None
    heads: bool = False
    token: str | None = None


_decode_watch = msgspec.json.Decoder(Watch).decode


@router.get(
    "/runs/{run_id}/events",
    summary="The events of a run",
    response_class=Response,
    responses=gives(
        {
            "type": "object",
            "properties": {
                "run_id": {"type": "string"},
                "events": {"type": "array", "items": ref("PublicEvent")},
            },
        },
        "its history; with `follow=1` a stream of server-sent events until the run ends",
        200,
        404,
        422,
    ),
)
async def run_events(
    *,
    run_id: RunId,
    gate: TheGate,
    after_seq: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_HISTORY)] = 1_000,
    follow: bool = False,
    last_event_id: Annotated[int | None, Header(ge=0)] = None,
) -> Response:
    """Give the events of a run; follow it live where asked to."""
    wanted = checked_run_id(run_id)
    if not follow:
        answer = await gate.ask(
            "workflow", "history", run_id=wanted, after_seq=after_seq, limit=limit
        )
        return json_answer(answer)
    subject = subjects.events("*", "*", wanted)
    feed = Feed(gate.connection, gate.asks, wanted, subject, last_event_id or after_seq)
    stream = _server_sent(gate, feed.batches(max_silence_s=HEARTBEAT_S))
    # Until the first piece there may be a refusal; after it the answer has begun.
    first = await anext(stream)
    return StreamingResponse(_chain(first, stream), media_type="text/event-stream")


async def _server_sent(
    gate: Gate, batches: AsyncGenerator[list[RunEvent], None]
) -> AsyncGenerator[bytes, None]:
    """Write events as server-sent events, with a word now and then while nothing happens."""
    async with gate.stream(), aclosing(batches):
        async for batch in batches:
            yield b"".join(_piece(event) for event in batch) or b": quiet\n\n"
        yield b"event: end\ndata: {}\n\n"


def _piece(event: RunEvent) -> bytes:
    data = json_encode(event)
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event.seq, event.type.encode(), data)


async def _chain(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    async with aclosing(rest):
        yield first
        async for piece in rest:
            yield piece


@router.websocket("/ws")
async def watch(socket: WebSocket) -> None:
    """Send what happens on the bus: the first message says what is wanted (`Watch`)."""
    gate: Gate = socket.app.state.gate
    if gate.guard.open and not gate.guard.own_page(
        socket.headers.get("host", ""), socket.headers.get("origin")
    ):
        await socket.close(CLOSE_REFUSED)  # before it is accepted: 403
        return
    await socket.accept()
    wanted = await _hello(socket, gate)
    if wanted is None:
        return
    try:
        async with gate.stream():
            await _relay(socket, gate, wanted)
    except Refused as error:
        await socket.close(CLOSE_TOO_MANY, error.detail)


async def _hello(socket: WebSocket, gate: Gate) -> Watch | None:
    """Read what is wanted; None: it was closed, with the reason."""
    try:
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            wanted = _decode_watch(await socket.receive_text())
        if not gate.guard.open and gate.guard.holder(wanted.token or "") is None:
            await socket.close(CLOSE_UNAUTHORISED, "expected a token that is known here")
            return None
        _subject(wanted)
    except (msgspec.DecodeError, ValueError, TimeoutError, KeyError) as error:
        await socket.close(CLOSE_REFUSED, f"expected what to watch, but {error}"[:120])
        return None
    except WebSocketDisconnect:
        return None
    return wanted


def _subject(wanted: Watch) -> str:
    """The subject of what is wanted; raises ValueError."""
    for name in (wanted.namespace, wanted.workflow):
        if name is not None and not subjects.is_name(name):
            raise ValueError("a namespace or workflow is no name")
    run = "*" if wanted.run_id is None else run_id_text(parse_run_id(wanted.run_id))
    return subjects.events(wanted.namespace, wanted.workflow or "*", run)


class _Over(Exception):
    """The other side closed, or we are stopping."""


async def _relay(socket: WebSocket, gate: Gate, wanted: Watch) -> None:
    """Send until the other side closes; the server closes for us when it stops."""
    async with Relay(gate.connection, _subject(wanted), wanted.heads) as relay:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_send(socket, relay))
                group.create_task(_until_closed(socket))
        except* (_Over, WebSocketDisconnect):
            pass  # either way there is nobody to send to


async def _send(socket: WebSocket, relay: Relay) -> None:
    await socket.send_text('{"type":"watching"}')
    async with aclosing(relay.messages()) as messages:
        async for message in messages:
            await socket.send_text(message.decode())


async def _until_closed(socket: WebSocket) -> None:
    """Read and drop what the other side still says."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
    raise _Over
