"""Keys of results: a digest of the plan, and of the bytes of its values in order.

::

    key = BLAKE2b-192( digest of engine and plan, for each value: its length, and the value )

A long value stands for itself by its digest. A value of a step that did not run has a length of
its own, which no value has: so the bytes can be read in one way only.
"""

from hashlib import blake2b

from services.decision.core.evaluate import ABSENT
from stretto.contracts.frames import DecideFrame, DecideRecord

DIGEST_BYTES = 24
LONG_BYTES = 256
"""A value that is longer is digested once a frame, not once a record."""

_DIGESTED = b"#"


def plan_digest(engine: bytes, plan: bytes) -> bytes:
    """The first part of all keys of a plan."""
    return blake2b(engine + plan, digest_size=DIGEST_BYTES).digest()


class FrameKeys:
    """Keys of the records of one frame; equal ones are worked out once."""

    __slots__ = ("_frame", "_known", "_long")

    def __init__(self, frame: DecideFrame) -> None:
        self._frame = frame
        self._known: dict[tuple[int, tuple[int, ...]], bytes | None] = {}
        self._long: dict[int, bytes] = {}

    def of(self, record: DecideRecord, plan: bytes) -> bytes | None:
        """The key of a record, its plan given by its digest; None: it asks for no value there is.

        1 µs, and 1 µs a kilobyte of values that the frame has not told before.
        """
        asked = record.plan, record.values
        try:
            return self._known[asked]
        except KeyError:
            key = self._known[asked] = self._worked_out(record.values, plan)
            return key

    def _worked_out(self, indices: tuple[int, ...], plan: bytes) -> bytes | None:
        values = self._frame.values
        parts = [plan]
        for index in indices:
            if index == ABSENT:
                parts.append(b"-;")
                continue
            if not 0 <= index < len(values):
                return None
            value = values[index]
            if len(value) > LONG_BYTES:
                parts += (b"%d%b;" % (len(value), _DIGESTED), self._digest(index, value))
            else:
                parts += (b"%d;" % len(value), value)
        return blake2b(b"".join(parts), digest_size=DIGEST_BYTES).digest()

    def _digest(self, index: int, value: bytes) -> bytes:
        digest = self._long.get(index)
        if digest is None:
            digest = self._long[index] = blake2b(value, digest_size=DIGEST_BYTES).digest()
        return digest
