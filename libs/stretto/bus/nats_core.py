"""The one place that knows the insides of nats-py (2.16): a client with a fast path.

``CoreClient`` is nats-py's client with these changes:

* its own parser (``Parser``), which hands a message to a *sink*, a plain function, in the callback
  in which it arrives: no ``Msg`` object, no queue, no task for each subscription, and no reader
  between the socket and the parser (``Direct``). nats-py's read loop sees control lines only;
* ``send`` puts a command into nats-py's pending list and writes once at the end of the turn, with
  everything else that was sent in that turn, or when ``write_now`` is called: no future and no task
  switch for each command;
* an error line of the server is reported and, when it is about more than a permission, answered
  with a reconnect: nats-py would close the connection for good;
* a server of a `tls://` URL that does not encrypt is told nothing: nats-py would go on in plain;
* a handshake of TLS that failed does not hold up the end: nats-py would wait for ever;
* the socket of a try to connect that failed is closed: nats-py would leak it;
* an unexpected error while reconnecting is reported and tried again: nats-py's task would end;
* who waits for the server's answer to a ping may be cancelled at any time: nats-py's own `flush`
  swallows a cancellation that comes in the same turn as the answer.

``tests/unit/bus/test_nats_core.py`` fails when the insides it relies on change.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from nats import errors
from nats.aio.client import PING_PROTO, Client, Srv
from nats.aio.subscription import Subscription
from nats.aio.transport import TcpTransport, WebSocketTransport
from nats.protocol.parser import PERMISSIONS_ERR

Sink = Callable[[bytes, bytes, bytes, bytes], None]
"""Called with subject, reply, header block (both may be empty) and data of a message."""

# The server's limit of a line is 4096 unless raised; INFO lines of large clusters are long.
MAX_LINE_BYTES = 1024 * 1024
RETRY_RECONNECT_S = 0.5

LATER_S = 0.01
"""What nobody waits for (acknowledgements, requests for more) goes with the next write, or after
this time: a write of its own costs us and the server as much as a message."""

_CRLF = b"\r\n"
_M, _H = b"MH"
_CONTROLS = (b"PONG", b"+OK", b"-ERR", b"INFO")


class Parser:
    """Parse what the server sends and give each message to the sink of its subscription."""

    def __init__(self, client: CoreClient) -> None:
        self._client = client
        self._chunks: list[bytes] = []
        self._have = 0
        self._need = 0
        self._lines = b""
        self.direct = False
        """Whether messages come by `take`: then `parse` is given control lines alone."""

    def reset(self) -> None:
        """Forget what was half received: a new connection begins with a new line."""
        self._lines = b""
        self._forget_chunks()

    def _forget_chunks(self) -> None:
        self._chunks = []
        self._have = 0
        self._need = 0

    async def parse(self, data: bytes = b"") -> None:
        """Take the next bytes; messages that are complete are handled at once, then the control
        lines between them.

        Raises:
            nats.errors.ProtocolError: this is not the NATS protocol.
        """
        if self.direct:
            *lines, self._lines = (self._lines + data).split(_CRLF)
        else:
            lines = self.take(data)
        for line in lines:
            await self._control(line)

    def take(self, data: bytes) -> list[bytes]:
        """Take the next bytes: give messages that are complete to their sinks, answer pings, and
        return the other control lines, which may have to wait for something.

        Raises:
            nats.errors.ProtocolError: this is not the NATS protocol.
        """
        if self._chunks:
            self._chunks.append(data)
            self._have += len(data)
            if self._have < self._need:
                return []  # a large message: do not look at it again before all of it is here
            data = b"".join(self._chunks)
            self._forget_chunks()
        controls: list[bytes] = []
        rest = self._consume(data, controls)
        if rest:
            self._chunks = [rest]
            self._have = len(rest)
        return controls

    def _consume(self, buffer: bytes, controls: list[bytes]) -> bytes:
        """Handle all that is complete in the buffer and return the rest."""
        sinks = self._client.sinks
        position, end = 0, len(buffer)
        while position < end:
            line_end = buffer.find(_CRLF, position)
            if line_end < 0:
                if end - position > MAX_LINE_BYTES:
                    raise errors.ProtocolError
                break
            kind = buffer[position]
            if kind not in (_M, _H):
                line = buffer[position:line_end]
                if line == b"PING":
                    self._client.send(b"PONG\r\n")
                elif line.startswith(_CONTROLS):
                    controls.append(line)
                else:
                    raise errors.ProtocolError
                position = line_end + 2
                continue
            words = buffer[position:line_end].split()
            start = line_end + 2
            try:
                stop = start + int(words[-1])
                body = start + int(words[-2]) if kind == _H else start
                sid = int(words[2])
            except (ValueError, IndexError) as error:
                raise errors.ProtocolError from error
            if stop + 2 > end:
                self._need = stop + 2 - position
                break
            position = stop + 2
            sink = sinks.get(sid)
            if sink is not None:
                # MSG subject sid [reply] size; HMSG subject sid [reply] header-size size
                reply = words[3] if len(words) == (6 if kind == _H else 5) else b""
                try:
                    sink(words[1], reply, buffer[start:body], buffer[body:stop])
                except Exception as error:  # noqa: BLE001 - the read loop must survive; a bug ends us
                    self._client.on_bug(error)
        return buffer[position:]

    async def _control(self, line: bytes) -> None:
        client = self._client
        if line.startswith(b"PONG"):
            await client._process_pong()
        elif line.startswith(b"-ERR"):
            await client._process_err(line[4:].strip(b" '").decode("utf-8", "replace").lower())
        elif line.startswith(b"INFO"):
            await client.process_info_line(line[4:])


class Direct(asyncio.Protocol):
    """What a socket's transport tells: bytes go to the parser at once, everything else, and the
    control lines, to the stream reader from which nats-py's read loop reads."""

    def __init__(
        self,
        parser: Parser,
        usual: asyncio.Protocol,
        reader: asyncio.StreamReader,
        *,
        is_encrypted: bool = False,
    ) -> None:
        self._parser = parser
        self._usual = usual
        self._reader = reader
        self._is_encrypted = is_encrypted

    def data_received(self, data: bytes) -> None:
        """Handle messages in this very callback."""
        try:
            controls = self._parser.take(data)
        except errors.ProtocolError as error:
            self._reader.set_exception(error)  # the read loop raises it, and reconnects
            return
        for line in controls:
            self._reader.feed_data(line + _CRLF)

    def eof_received(self) -> bool | None:
        """The server sends no more."""
        stays_open = self._usual.eof_received()
        return False if self._is_encrypted else stays_open  # TLS ends in both directions at once

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._usual.connection_lost(exc)

    def pause_writing(self) -> None:
        """The server takes less than we send."""
        self._usual.pause_writing()

    def resume_writing(self) -> None:
        """It takes more again."""
        self._usual.resume_writing()


class CoreClient(Client):
    """nats-py's client with sinks instead of message queues; see the module's docstring."""

    def __init__(self, *, on_lost: Callable[[], None], on_bug: Callable[[Exception], None]) -> None:
        super().__init__()
        self.sinks: dict[int, Sink] = {}
        self.on_bug = on_bug
        self._on_lost = on_lost
        self._ps: Any = Parser(self)
        self._write_planned = False
        self._later: asyncio.TimerHandle | None = None

    def send_later(self, command: bytes) -> None:
        """Send a command with the next write, within LATER_S; kept while cut off."""
        self._pending.append(command)
        self._pending_data_size += len(command)
        if self._later is None and not self._write_planned:
            self._later = asyncio.get_running_loop().call_later(LATER_S, self.write_now)

    def send(self, command: bytes) -> None:
        """Send a command with all others of this turn of the event loop; kept while cut off."""
        self._pending.append(command)
        self._pending_data_size += len(command)
        if not self._write_planned:
            self._write_planned = True
            asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        self._write_planned = False
        self.write_now()

    def write_now(self) -> None:
        """Write what was sent in this turn without waiting for its end."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if self._status != Client.CONNECTED or self._transport is None or not self._pending:
            return  # nats-py sends what is pending once it has reconnected
        if isinstance(self._transport, WebSocketTransport):
            # It sends nothing but in `drain`, which only nats-py's flusher awaits.
            if self._flush_queue is not None and self._flush_queue.empty():
                self._flush_queue.put_nowait(asyncio.get_running_loop().create_future())
            return
        pending, self._pending = self._pending, []
        self._pending_data_size = 0
        self._transport.write(b"".join(pending) if len(pending) > 1 else pending[0])

    def ask_pong(self) -> asyncio.Future[bool]:
        """Send all that is pending and a ping; done when the server has read it, never when the
        connection is lost before. Wait for it with `asyncio.wait`: nats-py resolves it later and
        does not expect that it was cancelled."""
        pong: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._pongs.append(pong)
        self.send(PING_PROTO)
        self.write_now()
        return pong

    @property
    def unsent_bytes(self) -> int:
        """How much is waiting here or in the transport because the server does not take it."""
        writer = getattr(self._transport, "_io_writer", None)
        waiting = writer.transport.get_write_buffer_size() if writer is not None else 0
        return self._pending_data_size + waiting

    async def add_sink(self, subject: str, queue: str, sink: Sink) -> Subscription:
        """Subscribe with a sink; nats-py subscribes again after a reconnect."""
        # subscribe() takes the next id before it awaits anything: no message comes before its sink.
        sid = self._sid + 1
        self.sinks[sid] = sink
        try:
            subscription: Subscription = await self.subscribe(subject, queue=queue)
        except BaseException:
            self.sinks.pop(sid, None)
            raise
        assert subscription._id == sid
        return subscription

    async def remove_sink(self, subscription: Subscription) -> None:
        """Unsubscribe; messages still on their way are dropped."""
        self.sinks.pop(subscription._id, None)
        if not self.is_closed and not subscription._closed:
            await subscription.unsubscribe()

    async def shut(self) -> None:
        """Close for good, whatever state it is in; what is pending is sent if that is possible."""
        if self._flush_queue is None or self.is_closed:
            return  # connect() was not reached, or it is done
        if self._status != Client.CONNECTED:
            self._pending = []
            self._pending_data_size = 0
        try:
            await self.close()
        except OSError as error:
            await self._error_cb(error)  # the server went away at the same time

    async def process_info_line(self, line: bytes) -> None:
        """Take the server's description of itself (INFO)."""
        try:
            description = json.loads(line)
        except ValueError as error:
            raise errors.ProtocolError from error
        self._server_info = description
        self._max_payload = description.get("max_payload", self._max_payload)
        await self._process_info(description)

    async def _read_loop(self) -> None:
        self._connect_parser()
        await super()._read_loop()

    def _connect_parser(self) -> None:
        """Let the transport give what arrives to the parser, without a reader between, and write
        without waiting for the end of the event loop's turn."""
        transport = self._transport
        self._ps.direct = isinstance(transport, TcpTransport)
        if not isinstance(transport, TcpTransport):
            return
        reader, writer = transport._io_reader, transport._io_writer
        assert reader is not None
        assert writer is not None
        buffer: bytearray = reader._buffer  # type: ignore[attr-defined]
        came_before = bytes(buffer)  # in one piece with the last line of the handshake
        buffer.clear()
        socket: Any = writer.transport
        usual = socket.get_protocol()
        assert isinstance(usual, asyncio.Protocol)
        is_encrypted = socket.get_extra_info("sslcontext") is not None
        direct = Direct(self._ps, usual, reader, is_encrypted=is_encrypted)
        socket.set_protocol(direct)
        socket.set_write_buffer_limits(high=0)
        socket.resume_reading()
        if came_before:
            direct.data_received(came_before)

    async def _process_connect_init(self) -> None:
        try:
            await super()._process_connect_init()
        except BaseException:
            transport = self._transport
            if (
                isinstance(transport, TcpTransport)
                and self._server_info.get("tls_required")
                and transport._io_writer is transport._bare_io_writer
            ):
                # The handshake failed: nobody is told when its socket is closed.
                transport.close()  # type: ignore[no-untyped-call]
                self._transport = None
            raise

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        if initial_connection and self._wants_tls and not info.get("tls_required"):
            if not info.get("tls_available"):
                raise errors.Error(
                    "nats: expected a server of a tls:// URL to encrypt, but it does not"
                )
            info["tls_required"] = True  # by us: nats-py looks at it next
        await super()._process_info(info, initial_connection)

    @property
    def _wants_tls(self) -> bool:
        return self._current_server is not None and self._current_server.uri.scheme == "tls"

    async def _process_op_err(self, e: Exception) -> None:
        if self._status == Client.CONNECTED:
            self._on_lost()
        await super()._process_op_err(e)

    async def _process_err(self, err_msg: str) -> None:
        error = errors.Error(f"nats: {err_msg}")
        await self._error_cb(error)
        if PERMISSIONS_ERR not in err_msg:
            await self._process_op_err(error)

    async def _connect_to_server(self, s: Srv) -> None:
        if self._transport:
            # nats-py forgets the socket of a try that failed after it was connected.
            self._transport.close()  # type: ignore[no-untyped-call]
        await super()._connect_to_server(s)

    async def _attempt_reconnect(self) -> None:
        while True:
            try:
                await super()._attempt_reconnect()
                return
            except Exception as error:  # noqa: BLE001 - whatever it was: reconnect for ever
                await self._error_cb(error)
                self._status = Client.RECONNECTING
                await asyncio.sleep(RETRY_RECONNECT_S)
