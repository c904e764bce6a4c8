"""What the parts of a client share: the connection and the ways to use it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from stretto.bus.connection import Connection
from stretto.bus.publisher import Publisher
from stretto.client.answered import Answered
from stretto.client.asking import Asks
from stretto.client.endings import Endings
from stretto.client.replies import ReplyBox
from stretto.payloads import Carrier

STORE_DEADLINE_S = 10.0
"""How long a message is tried to be stored: longer than a restart of the message store takes."""

MAX_POLLS = 16
"""Runs whose state is asked for at the same time by those who wait for them."""


@dataclass(frozen=True)
class Link:
    """The ways to use one connection, in one namespace."""

    connection: Connection
    namespace: str
    publisher: Publisher
    asks: Asks
    answered: Answered
    endings: Endings
    polling: asyncio.Semaphore
    carrier: Carrier


def link(connection: Connection, namespace: str) -> Link:
    """Make the ways to use a connection; nothing is sent yet."""
    publisher = Publisher(connection, deadline_s=STORE_DEADLINE_S)
    return Link(
        connection=connection,
        namespace=namespace,
        publisher=publisher,
        asks=Asks(connection),
        answered=Answered(publisher, ReplyBox(connection)),
        endings=Endings(connection, namespace),
        polling=asyncio.Semaphore(MAX_POLLS),
        carrier=Carrier(connection, publisher),
    )


class Linked:
    """What asks over one link: the parts of a client."""

    _link: Link

    @property
    def namespace(self) -> str:
        """Where runs are started and looked for."""
        return self._link.namespace
