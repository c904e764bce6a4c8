"""One connection of a process to the bus: it reconnects for ever and says how it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from nats import errors as nats_errors
from nats.aio.subscription import Subscription
from nats.protocol.parser import AUTHORIZATION_VIOLATION

from stretto.runtime.errors import NotReachable, PermanentError, TransientError
from stretto.telemetry.names import LOG_CONNECTION, LOG_GENERATION, LOG_REASON

from . import websocket
from .closing import Closing
from .credentials import Credentials, with_url
from .encryption import refusal_of
from .nats_core import CoreClient, Sink
from .request import REQUEST_TIMEOUT_S, Reply, Requests
from .servers import RECONNECT_FIRST_WAIT_S, next_server, without_password
from .wire import header_block, publish_command, subject_bytes

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10.0
# What may wait here while the server is away: room for the frames of a second at full load.
PENDING_LIMIT_BYTES = 32 * 1024 * 1024
_DIAL_TIMEOUT_S = 5
# A peer that vanished without a word (power, network) is noticed after two of these.
PING_INTERVAL_S = 15
_CLOSE_TIMEOUT_S = 5.0


class Connection(Closing):
    """A connection to NATS; made by ``connect``.

    Observable: ``is_connected``, ``generation`` (counts connections; a new number means that what
    the server knew of us is gone), ``wait_connected()``, ``wait_closed()``, and listeners that are
    called, as plain functions, when the connection is lost and when it is back.
    """

    def __init__(self, name: str, inbox_prefix: str) -> None:
        self.name = name
        self.inbox_prefix = inbox_prefix
        self.generation = 0
        self._client = CoreClient(on_lost=self._lost, on_bug=self._bug)
        self.is_connected = False
        """Whether the server is there now, as far as we know."""
        self.is_closed = False
        """Whether it was closed: it will not come back."""
        self._connected = asyncio.Event()
        self._closed = asyncio.Event()
        self._lost_listeners: list[Callable[[], None]] = []
        self._back_listeners: list[Callable[[], None]] = []
        self._last_error: Exception | None = None
        self._bugs: list[Exception] = []
        self._starting = True
        self._give_up_at = float("inf")
        self._requests = Requests(self)

    # --- how it is

    @property
    def max_payload_bytes(self) -> int:
        """The largest message the server takes, headers included."""
        return int(self._client.max_payload)

    @property
    def unsent_bytes(self) -> int:
        """How much waits here because the server is away or slow."""
        return self._client.unsent_bytes

    async def wait_connected(self) -> None:
        """Wait until the server is there.

        Raises:
            TransientError: the connection was closed.
        """
        if self.is_closed:
            raise _closed_error(self.name)
        await self._connected.wait()

    async def wait_closed(self) -> None:
        """Wait until the connection was closed.

        Raises:
            Exception: the error of a sink, which is a bug and closed the connection.
        """
        await self._closed.wait()
        if self._bugs:
            raise self._bugs[0]

    def on_change(
        self, *, lost: Callable[[], None], back: Callable[[], None]
    ) -> Callable[[], None]:
        """Call ``lost`` whenever the connection is lost and ``back`` when it is there again.

        Returns a function that ends this.
        """
        self._lost_listeners.append(lost)
        self._back_listeners.append(back)

        def end() -> None:
            self._lost_listeners.remove(lost)
            self._back_listeners.remove(back)

        return end

    # --- sending and receiving

    def send(self, command: bytes) -> None:
        """Send protocol bytes made by ``wire``; kept while cut off. The caller bounds how much."""
        if self.is_closed:
            raise _closed_error(self.name)
        self._client.send(command)

    def send_later(self, command: bytes) -> None:
        """The same for what nobody waits for: it goes with the next write, soon."""
        if self.is_closed:
            raise _closed_error(self.name)
        self._client.send_later(command)

    def push(self) -> None:
        """Write what was sent in this turn of the event loop now: somebody waits for it."""
        self._client.write_now()

    async def publish(
        self,
        subject: str,
        data: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        reply: str = "",
    ) -> None:
        """Publish without acknowledgement: at most once; cheap. Waits while too much is unsent.

        Raises:
            PermanentError: bad subject or headers, or larger than the server takes.
            TransientError: closed, or the server did not take what waits within a few seconds.
        """
        block = header_block(None, headers)
        self.check_size(len(block) + len(data))
        target = subject_bytes(subject)
        if self._client.unsent_bytes > PENDING_LIMIT_BYTES:
            await self._room()
        self.send(publish_command(target, reply.encode(), block, data))

    async def publish_encoded(self, commands: Sequence[bytes]) -> None:
        """Publish messages that were encoded by ``wire.publish_command``; otherwise as ``publish``.

        For who publishes thousands of small messages and makes their unchanging parts once. The
        caller keeps each below ``max_payload_bytes``.
        """
        if self._client.unsent_bytes > PENDING_LIMIT_BYTES:
            await self._room()
        for command in commands:
            self.send(command)

    async def _room(self) -> None:
        """Wait until less is unsent.

        Raises:
            TransientError: it did not become less in time.
        """
        deadline = asyncio.get_running_loop().time() + CONNECT_TIMEOUT_S
        while self._client.unsent_bytes > PENDING_LIMIT_BYTES:
            if asyncio.get_running_loop().time() > deadline:
                raise TransientError(
                    "bus.buffer_full",
                    f"expected the server to take {self._client.unsent_bytes} bytes within "
                    f"{CONNECT_TIMEOUT_S:.0f} s, but it did not",
                )
            await asyncio.sleep(RECONNECT_FIRST_WAIT_S)

    def check_size(self, size_bytes: int) -> None:
        """Refuse what the server would answer with a broken connection.

        Raises:
            PermanentError: headers and data are larger than the server takes.
        """
        if size_bytes > self._client._max_payload:
            raise PermanentError(
                "bus.message_too_large",
                f"expected a message of at most {self.max_payload_bytes} bytes, but it has "
                f"{size_bytes}",
            )

    async def subscribe(self, subject: str, sink: Sink, *, queue: str = "") -> Subscription:
        """Call ``sink(subject, reply, header_block, data)`` for each message (core NATS).

        The sink is a plain, quick function that does not raise. Subscribed again after reconnects.

        Raises:
            PermanentError: the subject or queue is malformed.
            TransientError: the connection was closed.
        """
        if self.is_closed:
            raise _closed_error(self.name)
        try:
            return await self._client.add_sink(subject, queue, sink)
        except nats_errors.BadSubjectError as error:
            raise PermanentError(
                "bus.bad_subject", f"expected a subject to subscribe to, but got {subject[:100]!r}"
            ) from error

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription; twice is fine."""
        await self._client.remove_sink(subscription)

    async def request(
        self,
        subject: str,
        data: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> Reply:
        """Send a request and return the answer; see ``Requests.ask`` for what it raises."""
        return await self._requests.ask(subject, data, headers=headers, timeout_s=timeout_s)

    async def flush(self, timeout_s: float = CONNECT_TIMEOUT_S) -> None:
        """Wait until the server has read all that was sent before.

        Raises:
            TransientError: it has not, in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self.wait_connected()
                await asyncio.wait({self._client.ask_pong()})
        except TimeoutError as error:
            raise TransientError(
                "bus.flush_failed",
                f"expected the server to answer within {timeout_s} s, but it did not",
            ) from error

    async def close(self) -> None:
        """Send what is pending when the server is there, and close. Twice is fine."""
        self._set_closed()
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self._client.shut()
        except TimeoutError:
            logger.warning(
                "bus connection did not close in time", extra={LOG_CONNECTION: self.name}
            )

    # --- called by nats-py

    async def _dial(self, url: str, credentials: Credentials) -> None:
        await self._client.connect(
            servers=url.split(","),
            name=self.name,
            inbox_prefix=self.inbox_prefix,
            user=credentials.user,
            password=credentials.password,
            token=credentials.token,
            user_credentials=credentials.creds_file,
            nkeys_seed=credentials.nkey_seed_file,
            tls=credentials.tls,
            connect_timeout=_DIAL_TIMEOUT_S,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RECONNECT_FIRST_WAIT_S,  # type: ignore[arg-type] # seconds to sleep
            reconnect_to_server_handler=next_server,
            ping_interval=PING_INTERVAL_S,
            max_outstanding_pings=2,
            pending_size=PENDING_LIMIT_BYTES,
            error_cb=self._failed,
            reconnected_cb=self._back,
            closed_cb=self._ended,
        )
        self._starting = False
        self._came_up()

    def _came_up(self) -> None:
        self.generation += 1
        self._last_error = None
        self.is_connected = True
        self._connected.set()

    def _set_closed(self) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        self.is_connected = False
        self._connected.clear()
        self._closed.set()
        self._tell(self._lost_listeners)

    def _lost(self) -> None:
        if not self.is_connected:
            return
        self.is_connected = False
        self._connected.clear()
        logger.warning("bus connection lost", extra={LOG_CONNECTION: self.name})
        self._tell(self._lost_listeners)

    async def _back(self) -> None:
        self._came_up()
        logger.info(
            "bus connection is back",
            extra={LOG_CONNECTION: self.name, LOG_GENERATION: self.generation},
        )
        self._tell(self._back_listeners)

    @staticmethod
    def _tell(listeners: list[Callable[[], None]]) -> None:
        for listener in list(listeners):
            listener()

    async def _ended(self) -> None:
        self._set_closed()
        logger.info("bus connection closed", extra={LOG_CONNECTION: self.name})

    async def _failed(self, error: Exception) -> None:
        # While the server is away every try fails the same way: say it once.
        if repr(error) != repr(self._last_error):
            logger.warning("bus error", extra={LOG_CONNECTION: self.name, LOG_REASON: repr(error)})
        self._last_error = error
        if self._starting and AUTHORIZATION_VIOLATION in str(error).lower():
            raise PermanentError(
                "bus.not_authorized",
                "expected the server to accept our credentials, but it refused them",
            ) from error
        if self._starting and (refusal := refusal_of(error)) is not None:
            raise refusal from error
        # A cancellation that meets a refused connection is lost in `asyncio.wait_for` (before
        # Python 3.12), and with it the timeout around `_dial`: the next try is then the last one.
        if self._starting and asyncio.get_running_loop().time() >= self._give_up_at:
            raise TimeoutError from error

    def _bug(self, error: Exception) -> None:
        """A sink raised: close, and let ``wait_closed`` raise it."""
        logger.error("bus sink failed", extra={LOG_CONNECTION: self.name}, exc_info=error)
        self._bugs.append(error)
        self._set_closed()


async def connect(
    url: str,
    name: str,
    *,
    credentials: Credentials | None = None,
    inbox_prefix: str = "_INBOX",
    timeout_s: float = CONNECT_TIMEOUT_S,
) -> Connection:
    """Connect to NATS and return the connection.

    Args:
        url: ``nats://[user:password@]host:port`` or ``tls://…``, several with commas between.
        name: shown by the server's monitoring, put into our logs.
        inbox_prefix: where answers come back; a user with few permissions has its own.
        timeout_s: how long to try when the server is not there.

    Raises:
        NotReachable: no server answered in time.
        PermanentError: it refused our credentials, or we do not trust its certificate; the URL is
            wrong, or of a kind (``ws://``) that needs a package which is not installed.
    """
    if websocket.is_wanted(url):
        websocket.allow()
    connection = Connection(name, inbox_prefix)
    connection._give_up_at = asyncio.get_running_loop().time() + timeout_s
    try:
        async with asyncio.timeout(timeout_s):
            await connection._dial(url, with_url(credentials or Credentials(), url))
    except TimeoutError as error:
        await connection.close()
        raise NotReachable(
            "bus.not_reachable",
            f"expected NATS at {without_password(url)} to answer within {timeout_s:g} s, "
            f"but: {connection._last_error or 'nothing answered'}",
        ) from error
    except (nats_errors.Error, ValueError) as error:
        await connection.close()
        raise PermanentError(
            "bus.bad_url",
            f"expected a URL like nats://host:4222, but {without_password(url)!r} is not: {error}",
        ) from error
    except PermanentError as error:
        await connection.close()
        if error.code != "bus.not_authorized":
            raise
        raise PermanentError(
            error.code,
            f"expected NATS at {without_password(url)} to accept our credentials, but it refused "
            "them",
        ) from error
    except BaseException:
        await connection.close()
        raise
    logger.info("bus connected", extra={LOG_CONNECTION: name})
    return connection


def _closed_error(name: str) -> TransientError:
    return TransientError("bus.closed", f"expected connection {name} to be open, but it was closed")
