"""Ids of spans that everybody can work out alone, and the header that carries them.

A run's trace id is its run id, and every span of a run has an id that follows from its place: so
no service asks another for the id of a parent, and a span that is recorded twice (after a crash)
is the same span.
"""

from hashlib import blake2b
from typing import NamedTuple

_SPAN_BYTES = 8
_TRACE_HEX = 32
_SPAN_HEX = 16
_VERSION = "00"
_SAMPLED = 0x01
_HASH_BITS = 64


class TraceParent(NamedTuple):
    """A parsed `traceparent` (W3C Trace Context, §3.2)."""

    trace_id: bytes
    span_id: bytes
    sampled: bool


def run_span_id(run_id: bytes) -> bytes:
    """Return the id of the span of a run."""
    return blake2b(run_id).digest()[:_SPAN_BYTES]


def step_span_id(run_id: bytes, path: str) -> bytes:
    """Return the id of the span of a step, all its attempts together."""
    return blake2b(run_id + path.encode()).digest()[:_SPAN_BYTES]


# A path holds neither of the characters that follow it below, so these ids never meet.


def attempt_span_id(run_id: bytes, path: str, attempt: int) -> bytes:
    """Return the id of the span of one attempt."""
    return step_span_id(run_id, f"{path}:{attempt}")


def dispatch_span_id(run_id: bytes, path: str, attempt: int) -> bytes:
    """Return the id of the span in which an attempt is admitted and bound."""
    return step_span_id(run_id, f"{path}>{attempt}")


def decide_span_id(run_id: bytes, path: str, turn: int) -> bytes:
    """Return the id of the span of one ask, which its turn tells from others."""
    return step_span_id(run_id, f"{path}?{turn}")


def traceparent(trace_id: bytes, span_id: bytes, *, sampled: bool = True) -> str:
    """Write a `traceparent` that names the parent of what follows."""
    return f"{_VERSION}-{trace_id.hex()}-{span_id.hex()}-{'01' if sampled else '00'}"


def parse_traceparent(text: str | None) -> TraceParent | None:
    """Read a `traceparent`; None for what is not one: a wrong header is no reason to fail.

    A newer version is read as far as this one goes, as the specification wants.
    """
    if text is None:
        return None
    parts = text.strip().split("-")
    if len(parts) < 4 or len(parts[0]) != 2 or parts[0] == "ff":
        return None
    if parts[0] == _VERSION and len(parts) != 4:
        return None
    if (len(parts[1]), len(parts[2]), len(parts[3])) != (_TRACE_HEX, _SPAN_HEX, 2):
        return None
    try:
        trace_id, span_id = bytes.fromhex(parts[1]), bytes.fromhex(parts[2])
        flags = int(parts[3], 16)
    except ValueError:
        return None
    if not any(trace_id) or not any(span_id):
        return None
    if (len(trace_id), len(span_id)) != (_TRACE_HEX // 2, _SPAN_HEX // 2):
        return None  # `fromhex` leaves blanks out
    return TraceParent(trace_id, span_id, bool(flags & _SAMPLED))


def is_sampled(run_id: bytes, ratio: float, caller: str | None = None) -> bool:
    """Decide once a run whether it is traced: as its caller's trace is, else by `ratio` (0–1).

    A hash of the run id decides, so that every instance, and a start that is delivered twice,
    comes to the same answer.
    """
    parent = parse_traceparent(caller)
    if parent is not None:
        return parent.sampled
    if ratio <= 0.0:
        return False
    digest = blake2b(run_id, digest_size=_HASH_BITS // 8, person=b"sample").digest()
    return int.from_bytes(digest, "big") < ratio * (1 << _HASH_BITS)
