"""What can be read: limits of what is told from outside, and what is said where it cannot be."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from services.workflow.inbox import Item
from stretto.bus.message import Message
from stretto.contracts import versions
from stretto.contracts.payload import MAX_PAYLOAD_BYTES

MAX_REQUEST_BYTES = 2 * MAX_PAYLOAD_BYTES
"""A start or control: its payload and as much beside it. It must fit into a frame."""

MAX_NAME_CHARS = 256
"""Names of signals, steps, people, workers and failure types: they are shown in lists."""

MAX_STEP_CHARS = 2_000
"""A path: names of at most 100 characters, nested a few deep, with indices."""

MAX_SEQ = 2**31 - 1
"""Of an event: what the log can hold."""


class Child(NamedTuple):
    """A run that was to be started for an attempt, if what the start says is true."""

    run_id: bytes
    parent: str
    """The id of the attempt."""


class Unreadable(ValueError):
    """A message that cannot be understood; the text says why.

    `items`: the parts that can, where there are several. `child`: the run that this was to start,
    where an attempt waits for it.
    """

    def __init__(self, why: str, *, items: Sequence[Item] = (), child: Child | None = None) -> None:
        super().__init__(why)
        self.items = items
        self.child = child


NOT_READ = (msgspec.MsgspecError, ValueError, RecursionError)
"""What is raised where a message is read that cannot be."""


def check_version(version: int | None) -> None:
    """Raise Unreadable where there is a version that none can have."""
    if version is not None and not 0 < version <= versions.MAX_VERSION:
        told = digits(version)
        raise Unreadable(f"version: expected 1 to {versions.MAX_VERSION}, but got {told}")


def check_length(what: str, text: str | None, limit: int) -> None:
    """Raise Unreadable where there is a text of more than `limit` characters."""
    if text is not None and len(text) > limit:
        raise Unreadable(f"{what}: expected at most {limit} characters, but got {len(text)}")


def digits(number: int) -> str:
    """A number as text, cut: JSON allows any length."""
    return str(number)[:24]


def check_size(message: Message) -> None:
    """Raise Unreadable where a message is longer than MAX_REQUEST_BYTES."""
    size = len(message.data)
    if size > MAX_REQUEST_BYTES:
        raise Unreadable(
            f"expected a message of at most {MAX_REQUEST_BYTES} bytes, of which the payload is at "
            f"most {MAX_PAYLOAD_BYTES}, but got {size}"
        )
