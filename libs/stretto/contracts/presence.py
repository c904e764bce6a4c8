"""What devices say of themselves, read within limits: whoever hears it keeps it, sums it up,
divides by it and gives it to expressions."""

from collections.abc import Iterator

from stretto.contracts import subjects
from stretto.contracts.admission import MAX_AMOUNT
from stretto.contracts.codec import decode_presence
from stretto.contracts.payload import payload_problem
from stretto.contracts.public import Presence

MAX_PRESENCE_BYTES = 64 * 1024
"""Hundreds of tasks and attributes fit in; the last word of each device is kept."""

MAX_SLOTS = 100_000
"""Attempts that one worker runs at once: more than any process can."""


MAX_WORD_CHARS = 256
"""Of a task or a capability: a definition can name none that is longer."""


def read_presence(data: bytes) -> Presence:
    """Read a presence message.

    Raises:
        ValueError: it is larger than 64 KiB or nested deeper than 64, names a queue that no subject
            can hold, a task that no step can name, or a number that no device can have.
        msgspec.DecodeError, RecursionError: it is no presence.
    """
    problem = payload_problem(data, MAX_PRESENCE_BYTES)
    if problem is not None:
        raise ValueError(problem)
    presence = decode_presence(data)
    if presence.queue is not None and not subjects.is_name(presence.queue):
        raise ValueError(f"expected a queue to be a name, but got {presence.queue[:50]!r}")
    for field, words in (("tasks", presence.tasks), ("capabilities", presence.capabilities)):
        longest = max(map(len, words), default=0)
        if longest > MAX_WORD_CHARS:
            raise ValueError(
                f"expected {field} of at most {MAX_WORD_CHARS} characters, but got {longest}"
            )
    for field, number, most in _numbers(presence):
        if not 0 <= number <= most:
            raise ValueError(f"expected {field} of 0 to {most}, but got {number}")
    return presence


def _numbers(presence: Presence) -> Iterator[tuple[str, int, int]]:
    yield "slots", presence.slots, MAX_SLOTS
    yield "busy", presence.busy, MAX_SLOTS
    for name, amount in presence.resources.items():
        yield f"an amount of {name[:50]!r}", amount, MAX_AMOUNT
