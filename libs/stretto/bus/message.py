"""A message of a stream, as cheap as it can be: nothing is parsed before it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from .wire import parse_headers

ACK = b"+ACK"
GIVE_BACK = b"-NAK"
IN_PROGRESS = b"+WPI"
TERMINATE = b"+TERM"

# $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>, or with
# <domain>.<account hash> after ACK and a random token at the end.
_TOKENS_SHORT = 9


class Settler(Protocol):
    """Who sends acknowledgements: it knows whether they still mean the same store."""

    def settle(self, epoch: int, commands: list[bytes]) -> None:
        """Send, keep until the consumer is known to be the same, or drop when it is another."""


class Message:
    """One delivered message. Acknowledge it only after what it says is committed."""

    __slots__ = ("_block", "_epoch", "_reply", "_settler", "_subject", "data")

    def __init__(  # noqa: PLR0917 - one for every message: keywords would cost
        self,
        subject: bytes,
        reply: bytes,
        block: bytes,
        data: bytes,
        settler: Settler,
        epoch: int,
    ) -> None:
        self._subject = subject
        self._reply = reply
        self._block = block
        self.data = data
        self._settler = settler
        self._epoch = epoch

    @property
    def subject(self) -> str:
        """The subject it is stored under."""
        return self._subject.decode()

    @property
    def headers(self) -> dict[str, str]:
        """Its headers, decoded anew each time."""
        return parse_headers(self._block) if self._block else {}

    @property
    def stream_seq(self) -> int:
        """Its sequence number in the stream."""
        return int(self._field(3))

    @property
    def timestamp_ns(self) -> int:
        """When the server stored it: nanoseconds since the Unix epoch."""
        return int(self._field(5))

    @property
    def num_delivered(self) -> int:
        """How often it was delivered, this time included: from 1."""
        return int(self._field(2))

    @property
    def num_pending(self) -> int:
        """How many messages of the consumer were not delivered yet when this one was."""
        return int(self._field(6))

    def _field(self, index: int) -> bytes:
        """Return a token of the reply subject, counted from the stream's name at 0."""
        tokens = self._reply.split(b".")
        return tokens[index + (2 if len(tokens) == _TOKENS_SHORT else 4)]

    def ack(self) -> None:
        """Say that it is done. Not confirmed: a lost one means another delivery."""
        self._settler.settle(self._epoch, [self.command(b"")])

    def in_progress(self) -> None:
        """Ask for another ``ack_wait`` before it is delivered again."""
        self._settler.settle(self._epoch, [self.command(IN_PROGRESS)])

    def term(self) -> None:
        """Never deliver it again, although it is not done; it is in the dead letters."""
        self._settler.settle(self._epoch, [self.command(TERMINATE)])

    def give_back(self) -> None:
        """Let another instance have it now: we stop. Not for retries or waiting (law 6)."""
        self._settler.settle(self._epoch, [self.command(GIVE_BACK)])

    def command(self, verdict: bytes) -> bytes:
        """Return the protocol command that says the verdict; empty is an acknowledgement."""
        return b"PUB %b %d\r\n%b\r\n" % (self._reply, len(verdict), verdict)

    def __repr__(self) -> str:
        return f"<Message {self.subject} {self._reply.decode()} {len(self.data)} bytes>"


def ack_all(messages: Iterable[Message]) -> None:
    """Acknowledge each message (consumers with ``ack_policy`` explicit), in one write."""
    _say(messages, b"")


def in_progress_all(messages: Iterable[Message]) -> None:
    """Ask for another ``ack_wait`` for each message, in one write."""
    _say(messages, IN_PROGRESS)


def ack_up_to(message: Message) -> None:
    """Acknowledge it and all before it: for consumers with ``ack_policy`` all."""
    message.ack()


def _say(messages: Iterable[Message], verdict: bytes) -> None:
    groups: dict[tuple[int, int], tuple[Settler, list[bytes]]] = {}
    for message in messages:
        key = (id(message._settler), message._epoch)
        group = groups.get(key)
        if group is None:
            groups[key] = group = (message._settler, [])
        group[1].append(message.command(verdict))
    for (_, epoch), (settler, commands) in groups.items():
        settler.settle(epoch, commands)
