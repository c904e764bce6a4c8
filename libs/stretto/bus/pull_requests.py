"""What was asked of a pull consumer and what it still owes: the arithmetic, without any I/O.

The server serves several requests in turn, so a message does not say which of them it answers. It
does not matter: the sum is exact. A request adds what it asks for, a message takes one away, and
when a request ends the server says how much of it was not delivered (``Nats-Pending-Messages``).

Where it does not say (409: the consumer or its leader is gone), the sum is not known any more:
``Ended.UNCLEAR``; the inbox is given up, and what was owed to it is void.

Protocol: NATS ADR-13 (pull), ADR-42 (priority groups). A description is never looked at, only the
status.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from .api import API
from .request import NO_RESPONDERS
from .wire import parse_headers, parse_status, publish_command

_HEARTBEAT = 100
_BAD_REQUEST = 400
_WRONG_PIN = 423
# Refused at once: nothing of it was delivered.
_AT_ONCE = frozenset({404, 412, _WRONG_PIN})
_STATUS_AT = len(b"NATS/1.0")
_PENDING = "Nats-Pending-Messages"
_PIN = "Nats-Pin-Id"
_IN_NO_BLOCK = b"\r\n\r\n\r\n"
# Requests end with a status, so only a few are known at a time; a server that leaves one out must
# not make us remember it for ever.
_MAX_KNOWN = 64


class Ended(Enum):
    """What a status message means."""

    NOT = "a heartbeat, or about a request that we do not know"
    COUNTED = "the request ended and the sum is right"
    UNCLEAR = "it ended and the sum is not known"
    MISSING = "nobody is there: no such consumer, or no JetStream"
    REFUSED = "the request is wrong"


class PullRequests:
    """Make requests and keep count; see ``PullLoop`` for the arguments."""

    def __init__(
        self,
        stream: str,
        consumer: str,
        *,
        batch: int,
        expires_s: float,
        heartbeat_s: float,
        max_bytes: int,
        group: str | None,
    ) -> None:
        self._subject = f"{API}.CONSUMER.MSG.NEXT.{stream}.{consumer}".encode()
        self._batch = batch
        # One request at a time with a pin: the server serves no other before it knows the pin.
        self._low = 0 if group is not None else batch // 4
        self._least = batch // 2
        self._group = group
        self._body: dict[str, object] = {
            "expires": round(expires_s * 1e9),
            "idle_heartbeat": round(heartbeat_s * 1e9),
            "max_bytes": max_bytes,
        }
        if group is not None:
            self._body["group"] = group
        self._inbox = b""
        self._known: dict[int, int] = {}
        self.made = 0
        """How many requests were made, ever."""
        self.owed = 0
        """How many messages the server may still send without being asked again."""
        self.pin: str | None = None
        """Who the server thinks we are, when it sends the group's messages to us."""
        self._pin_bytes = _IN_NO_BLOCK

    def begin(self, inbox: str) -> None:
        """Ask through a new inbox from now on; nothing is owed to it."""
        self._inbox = inbox.encode()
        self.void()

    def void(self) -> None:
        """Nothing is owed any more: the connection, the consumer or a request was lost."""
        self.owed = 0
        self._known.clear()

    def wanted(self, room: int) -> int:
        """Return how much to ask for now, 0 for nothing.

        Args:
            room: how many more messages than those owed may come.
        """
        want = min(room, self._batch)
        if want <= 0 or (self.owed > 0 and (self.owed > self._low or want < self._least)):
            return 0
        return want

    def ask(self, want: int) -> bytes:
        """Return the command that asks for ``want`` messages, and count it."""
        self.made = number = self.made + 1
        while len(self._known) >= _MAX_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[number] = want
        self.owed += want
        body = self._body | {"batch": want}
        if self.pin is not None:
            body["id"] = self.pin
        return publish_command(
            self._subject, b"%b%d" % (self._inbox, number), b"", msgspec.json.encode(body)
        )

    def is_status(self, subject: bytes, block: bytes) -> bool:
        """Return whether it is a word of the server about a request, not a stream's message."""
        return block[_STATUS_AT : _STATUS_AT + 1] == b" " and subject.startswith(self._inbox)

    def delivered(self, block: bytes) -> None:
        """Count a message; with a group, remember the pin that it names."""
        self.owed -= 1
        if self._group is not None and self._pin_bytes not in block:
            self._set_pin(parse_headers(block).get(_PIN))

    def ended(self, subject: bytes, block: bytes) -> tuple[Ended, str]:
        """Count the end of a request; return what it means and the server's words."""
        status, text = parse_status(block)
        number = subject[len(self._inbox) :]
        if status == _HEARTBEAT or not number.isdigit():
            return Ended.NOT, text
        asked = self._known.pop(int(number), None)
        if asked is None:
            return Ended.NOT, text
        if status == _WRONG_PIN:
            self._set_pin(None)
        if status == NO_RESPONDERS:
            return Ended.MISSING, text
        if status == _BAD_REQUEST:
            return Ended.REFUSED, text
        pending = parse_headers(block).get(_PENDING)
        if pending is not None:
            asked = int(pending)
        elif status not in _AT_ONCE:
            return Ended.UNCLEAR, text
        self.owed = max(0, self.owed - asked)
        return Ended.COUNTED, text

    def _set_pin(self, pin: str | None) -> None:
        self.pin = pin
        self._pin_bytes = _IN_NO_BLOCK if pin is None else pin.encode()
