"""One function that turns every error of the driver into ours, by SQLSTATE and never by text.

Classes of SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

import asyncpg

from stretto.runtime.errors import NotReachable, PermanentError, StrettoError, TransientError

UNIQUE_VIOLATION = "23505"

_TRANSIENT_CLASSES = frozenset(
    {
        "40",  # transaction rollback: serialization, deadlock
        "53",  # insufficient resources: disk full, out of memory, too many connections
        "55",  # object not in prerequisite state: lock not available
        "57",  # operator intervention: shutdown, crash, cancelled
        "58",  # system error: I/O
    }
)
_NO_ROOM_CLASS = "53"
_VALUE_CLASSES = frozenset(
    {
        "22",  # data exception
        "54",  # program limit exceeded: too deep, too long, too many columns
    }
)
_DECIDED_CLASSES = frozenset({"22", "23", "25", "40", "42", "53", "54", "55"})
"""The statement itself was refused: it has surely changed nothing."""

_UNREACHABLE_CLASSES = frozenset({"08"})
_PROTOCOL_VIOLATION = "08P01"
"""The server was there, and did not understand what it was sent: a message that is too large, an
option that a proxy does not know. It does not understand it the next time, either."""
_PARTITION_MADE = "23514"
"""A check: a row was on its way to a table while a partition for it was attached elsewhere; the
next try finds it. (No value of a client reaches the one check that a table of ours has.)"""
_READ_ONLY = "25006"  # a standby after a failover: the primary is elsewhere, soon


_AGAIN = frozenset({_READ_ONLY, _PARTITION_MADE})


class Conflict(TransientError):
    """Another writer was first (unique violation): load again and decide again."""


class BadValue(PermanentError):
    """A value that Postgres cannot hold (classes 22, 54), such as U+0000 in JSON."""


def is_unsure(error: StrettoError) -> bool:
    """Whether a statement that failed so may have been committed all the same."""
    return str(error.detail.get("sqlstate", ""))[:2] not in _DECIDED_CLASSES


def lacks_room(error: StrettoError) -> bool:
    """Whether the server is out of disk, memory or connections."""
    return str(error.detail.get("sqlstate", ""))[:2] == _NO_ROOM_CLASS


DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was cut in the middle of something
    OSError,
    TimeoutError,
)
"""What the driver and the network raise; `translate` knows each of them."""


def translate(error: BaseException) -> StrettoError | None:
    """Say what an error of asyncpg means; None for one that is not the driver's or the
    network's."""
    if isinstance(error, asyncpg.PostgresError):
        return _by_sqlstate(error)
    if isinstance(error, DRIVER_ERRORS):
        message = f"expected Postgres to answer, but it did not: {type(error).__name__}: {error}"
        return NotReachable("postgres.not_reachable", message)
    return None


def _by_sqlstate(error: asyncpg.PostgresError) -> StrettoError:
    state = error.sqlstate or "XX000"
    detail = {"sqlstate": state}
    text = f"{state} {error}"
    if state == UNIQUE_VIOLATION:
        detail["constraint"] = getattr(error, "constraint_name", None) or ""
        message = f"expected to be the first writer, but was not: {text}"
        return Conflict("postgres.conflict", message, detail)
    if state[:2] in _VALUE_CLASSES:
        message = f"expected a value that Postgres can hold, but got another: {text}"
        return BadValue("postgres.bad_value", message, detail)
    if state[:2] in _UNREACHABLE_CLASSES and state != _PROTOCOL_VIOLATION:
        return NotReachable("postgres.not_reachable", f"expected a connection, but {text}", detail)
    if state[:2] in _TRANSIENT_CLASSES or state in _AGAIN:
        return TransientError("postgres.unavailable", f"expected to be served, but {text}", detail)
    return PermanentError(
        "postgres.refused", f"expected to be allowed and right, but {text}", detail
    )
