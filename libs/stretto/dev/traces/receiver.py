"""The least of an OTLP/HTTP receiver: `POST /v1/traces` in protobuf, gzip or not, on loopback."""

from __future__ import annotations

import asyncio
import zlib
from pathlib import Path
from typing import NamedTuple

from google.protobuf.message import DecodeError

from stretto.dev.plan import USUAL_OTLP_PORT, port_near
from stretto.dev.traces.span import read_request
from stretto.dev.traces.store import TraceStore
from stretto.runtime.ending import stop_listening
from stretto.testkit.ports import LOOPBACK

MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 16 * 1024 * 1024
"""Exporters send a few hundred spans at once, well under a megabyte."""
MAX_CONNECTIONS = 64
IDLE_TIMEOUT_S = 60.0
"""Exporters keep a connection and use it every few seconds."""

_GZIP = zlib.MAX_WBITS | 16
_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    411: "Length Required",
    413: "Content Too Large",
    415: "Unsupported Media Type",
}


class _Refused(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Request(NamedTuple):
    headers: dict[str, str]
    body: bytes


class TraceReceiver:
    """Listens while it is started; what it takes is kept in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.store = TraceStore(directory)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._port = 0

    @property
    def url(self) -> str:
        """The value for `OTEL_EXPORTER_OTLP_ENDPOINT`."""
        return f"http://{LOOPBACK}:{self._port}"

    async def start(self, port_before: int | None = None) -> None:
        """Listen where it was before or on the usual port, or on a free one when somebody has
        them."""
        try:
            self._server = await self._listen(port_near(USUAL_OTLP_PORT, port_before))
        except OSError:  # somebody was faster
            self._server = await self._listen(0)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _listen(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._serve, LOOPBACK, port, limit=MAX_HEAD_BYTES)

    async def stop(self) -> None:
        """Stop listening and cut off who is still connected."""
        server, self._server = self._server, None
        if server is not None:
            await stop_listening(server, self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while len(self._open) <= MAX_CONNECTIONS:
                try:
                    async with asyncio.timeout(IDLE_TIMEOUT_S):
                        request = await _read(reader)
                    self.store.add(read_request(_plain(request)))
                    status = 200
                except _Refused as refused:
                    status = refused.status
                except DecodeError:
                    status = 400
                writer.write(_response(status))
                await writer.drain()
                if status != 200:
                    return  # what follows in the stream may be anything
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # hung up, or silent for too long
        finally:
            self._open.discard(writer)
            writer.close()


async def _read(reader: asyncio.StreamReader) -> _Request:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.LimitOverrunError:
        raise _Refused(413) from None
    first, *lines = head.split("\r\n")
    if first.split()[:2] != ["POST", "/v1/traces"]:
        raise _Refused(404)
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.lower(): value.strip().lower() for name, _, value in pairs}
    if not headers.get("content-type", "").startswith("application/x-protobuf"):
        raise _Refused(415)
    length = headers.get("content-length", "")
    if not length.isdecimal():
        raise _Refused(411)
    if int(length) > MAX_BODY_BYTES:
        raise _Refused(413)
    return _Request(headers, await reader.readexactly(int(length)))


def _plain(request: _Request) -> bytes:
    match request.headers.get("content-encoding", "identity"):
        case "identity":
            return request.body
        case "gzip":
            unpacker = zlib.decompressobj(_GZIP)
            try:
                body = unpacker.decompress(request.body, MAX_BODY_BYTES)
            except zlib.error:
                raise _Refused(400) from None
            if unpacker.unconsumed_tail:
                raise _Refused(413)
            return body
        case _:
            raise _Refused(415)


def _response(status: int) -> bytes:
    # An empty body is an ExportTraceServiceResponse without a partial success.
    close = "" if status == 200 else "Connection: close\r\n"
    return (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/x-protobuf\r\n"
        f"{close}Content-Length: 0\r\n\r\n"
    ).encode()
