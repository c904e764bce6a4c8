"""Ids: UUIDv7 run ids, attempt ids, and the partition that a run belongs to.

A run id is 16 raw bytes inside the services and the usual text of a UUID outside of them.
"""

import hashlib
import uuid
import zlib
from typing import NamedTuple

SHARDS = 256
"""Runs are spread over this many shards for ever; partitions are groups of shards."""

MAX_PARTITIONS = SHARDS
_UUID7_VERSION = 0x7
_UUID_VARIANT = 0b10
_TIMESTAMP_BITS = 48
_TEXT_CHARS = 36
RUN_ID_BYTES = 16
"""What Postgres takes: one id of another length spoils a whole commit."""


class AttemptId(NamedTuple):
    """One try at a step: `run_id:path:attempt`, the fence and the idempotency key of its
    effects."""

    run_id: bytes
    path: str
    attempt: int

    def __str__(self) -> str:
        return f"{run_id_text(self.run_id)}:{self.path}:{self.attempt}"


def uuid7(unix_ms: int, seed: bytes) -> bytes:
    """Build a UUIDv7 (RFC 9562 §5.7) from a time in milliseconds and a seed; the same for the same
    two.

    The 74 random bits are a digest of the seed, so a start message that is delivered again makes
    the same run again.
    """
    digest = int.from_bytes(hashlib.blake2b(seed, digest_size=10).digest(), "big")
    random_a = digest >> 68 & 0xFFF
    random_b = digest & ((1 << 62) - 1)
    value = (unix_ms & ((1 << _TIMESTAMP_BITS) - 1)) << 80
    value |= _UUID7_VERSION << 76 | random_a << 64 | _UUID_VARIANT << 62 | random_b
    return value.to_bytes(16, "big")


def run_id_text(run_id: bytes) -> str:
    """Write the 16 bytes of a run id as the 36 characters of a UUID."""
    h = run_id.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def parse_run_id(text: str) -> bytes:
    """Read a UUID in any of its usual spellings; raises ValueError that says what was expected."""
    try:
        if len(text) == _TEXT_CHARS and text[8] == text[13] == text[18] == text[23] == "-":
            run_id = bytes.fromhex(text.replace("-", ""))  # ten times as fast as uuid.UUID
            if len(run_id) != RUN_ID_BYTES:  # fewer: more dashes, or blanks, which it leaves out
                raise ValueError(text)
            return run_id
        return uuid.UUID(text).bytes
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"expected a run id to be a UUID, but got {str(text)[:60]!r}") from error


def parse_attempt_id(text: str) -> AttemptId:
    """Read `run_id:path:attempt`; raises ValueError that says which part is wrong."""
    run_id, _, rest = text.partition(":")
    path, separator, attempt = rest.rpartition(":")
    if not separator or not path or not attempt.isascii() or not attempt.isdigit():
        raise ValueError(
            f"expected an attempt id to be 'run_id:path:attempt', but got {text[:120]!r}"
        )
    return AttemptId(parse_run_id(run_id), path, int(attempt))


def shard_of(run_id: bytes) -> int:
    """Tell which of the 256 shards a run belongs to (CRC-32 of its id)."""
    return zlib.crc32(run_id) & (SHARDS - 1)


def partition_of(run_id: bytes, partitions: int) -> int:
    """Tell which of `partitions` (1–256) a run belongs to."""
    return (zlib.crc32(run_id) & (SHARDS - 1)) % partitions
