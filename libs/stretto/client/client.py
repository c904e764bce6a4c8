"""The client: one connection, from which runs are started, found and watched."""

from __future__ import annotations

import os

from stretto.bus.closing import Closing
from stretto.bus.connection import Connection
from stretto.bus.credentials import Credentials, credentials_of_environment
from stretto.client.catalogue import Catalogue
from stretto.client.connecting import Connecting
from stretto.client.definition_questions import DefinitionQuestions
from stretto.client.learned import Learned
from stretto.client.link import Link, link
from stretto.client.migrations import Migrations
from stretto.client.reuse import KeptOutputs
from stretto.client.run_questions import RunQuestions
from stretto.client.run_starts import RunStarts
from stretto.client.schedules import Schedules
from stretto.client.starting import check_name

URL_VARIABLE = "STRETTO_NATS_URL"
INBOX_VARIABLE = "STRETTO_NATS_INBOX_PREFIX"
DEFAULT_INBOX = "_INBOX"
DEFAULT_URL = "nats://127.0.0.1:4222"
CONNECT_TIMEOUT_S = 5.0


class Client(RunStarts, RunQuestions, DefinitionQuestions, Closing):
    """Starts runs and waits for them; registers definitions; asks.

    ::

        async with Client.connect() as client:
            run = await client.start("greet", {"name": "Ada"})
            print(await run.result())

    For any number of tasks of one event loop. The connection comes back by itself when it was lost.
    """

    def __init__(self, connection: Connection, namespace: str = "default") -> None:
        """Use a connection that is there already; `close` leaves it open."""
        check_name("namespace", namespace)
        self._link: Link = link(connection, namespace)
        self._owned: Connection | None = None
        self._stop_hearing = connection.on_change(
            lost=_nothing, back=self._link.endings.reconnected
        )

    @classmethod
    def connect(
        cls,
        url: str | None = None,
        namespace: str = "default",
        *,
        name: str = "stretto-client",
        credentials: Credentials | None = None,
        inbox_prefix: str | None = None,
        timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> Connecting[Client]:
        """Connect: `async with Client.connect() as client`, or `client = await Client.connect()`.

        Args:
            url: `nats://host:4222`, several with commas between; None: the variable
                STRETTO_NATS_URL, or this machine.
            namespace: where runs are started and looked for.
            name: shown by the server's monitoring.
            credentials: who we are and whom we trust; None: what the URL says, or the variables
                STRETTO_NATS_USER and STRETTO_NATS_PASSWORD, or STRETTO_NATS_CREDS; and
                STRETTO_NATS_CA, STRETTO_NATS_CERT and STRETTO_NATS_KEY.
            inbox_prefix: where answers come back, for a user with few permissions; None: the
                variable STRETTO_NATS_INBOX_PREFIX, or `_INBOX`.
            timeout_s: how long to try when the server is not there.

        Raises:
            NotReachable: no server answered in time.
            PermanentError: it refused our credentials, we do not trust its certificate, or the URL
                or one of these files is wrong.
        """
        where = url or os.environ.get(URL_VARIABLE) or DEFAULT_URL
        inbox = inbox_prefix or os.environ.get(INBOX_VARIABLE) or DEFAULT_INBOX
        check_name("namespace", namespace)

        def owning(connection: Connection) -> Client:
            client = cls(connection, namespace)
            client._owned = connection
            return client

        return Connecting(
            owning,
            url=where,
            name=name,
            credentials=credentials or credentials_of_environment(where),
            inbox_prefix=inbox,
            timeout_s=timeout_s,
        )

    @property
    def connection(self) -> Connection:
        """The connection to the bus, for what this client does not do."""
        return self._link.connection

    async def close(self) -> None:
        """Stop, and close the connection if it was made by `connect`. Twice is fine."""
        self._stop_hearing()
        self._stop_hearing = _nothing
        await self._link.publisher.close()
        if self._owned is not None:
            await self._owned.close()

    # --- what belongs together has a part of its own

    @property
    def schedules(self) -> Schedules:
        """The schedules of the namespace: what starts runs by the clock."""
        return Schedules(self._link.answered, self._link.asks, self.namespace)

    @property
    def cache(self) -> KeptOutputs:
        """What steps with `cache` have given and is kept for equal ones."""
        return KeptOutputs(self._link.answered, self._link.asks, self.namespace)

    @property
    def catalogue(self) -> Catalogue:
        """Versions and their labels, and templates."""
        return Catalogue(self._link.asks, self.namespace)

    @property
    def migrations(self) -> Migrations:
        """Let running runs follow another version: try it, one by one, or all that may."""
        return Migrations(self._link)

    @property
    def learned(self) -> Learned:
        """What the routing strategy `learned` knows: look at it, freeze it, reset it."""
        return Learned(self._link)


def _nothing() -> None:
    """Nothing is to be done."""
