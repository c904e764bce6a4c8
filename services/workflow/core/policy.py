"""Retries, joins, children: small pure rules over plans."""

import math
import zlib
from typing import assert_never

from stretto.contracts.failures import Failure
from stretto.contracts.graph import Join, Retry
from stretto.contracts.ids import AttemptId, uuid7

_JITTER_STEPS = 1 << 16

_SEQ_BITS = 12
_SEQ_MASK = (1 << _SEQ_BITS) - 1
"""Instants in µs need 52 bits until the year 2112."""


def may_retry(retry: Retry, failure: Failure, attempt: int) -> bool:
    """Tell whether attempt number `attempt`, which failed so, is followed by another."""
    if attempt >= retry.max_attempts or not failure.retryable or failure.type in retry.never:
        return False
    return not retry.only or failure.type in retry.only


def backoff_s(retry: Retry, attempt: int, key: bytes) -> float:
    """Seconds from the failure of `attempt` to the next one: exponential, bounded, spread by a
    jitter
    that is a function of `key`, so that the core needs no randomness."""
    exponent = min(attempt - 1, 1_000)
    try:
        wait = retry.interval_s * retry.backoff**exponent
    except OverflowError:
        wait = math.inf
    wait = min(wait, retry.max_interval_s)
    share = zlib.crc32(key) % _JITTER_STEPS / (_JITTER_STEPS - 1) * 2 - 1
    return wait * (1 + share * retry.jitter)


def needed(join: Join, count: int) -> int:
    """How many of `count` items must complete for the join to be satisfied."""
    match join.mode:
        case "all":
            return count
        case "any":
            return 1
        case "count":
            return join.count
        case "share":
            return math.ceil(join.share * count)
        case _:
            assert_never(join.mode)


def child_id(run_id: bytes, path: str, attempt: int, at_us: int) -> bytes:
    """The run that an attempt of kind `workflow` is: the same for the same attempt."""
    return uuid7(at_us // 1_000, str(AttemptId(run_id, path, attempt)).encode())


def turn_of(seq: int, at_us: int) -> int:
    """The fence of a question: number and instant of the event that asks, in one number of 64 bits.

    The instant tells it from the question of an event of the same number that another instance, or
    an earlier try, meant to write and has not committed.
    """
    return at_us << _SEQ_BITS | seq & _SEQ_MASK
