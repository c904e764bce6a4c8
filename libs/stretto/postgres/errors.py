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
_UNREACHABLE_CLASSES = frozenset({"08"})
_READ_ONLY = "25006"  # a standby after a failover: the primary is elsewhere, soon


class Conflict(TransientError):
    """Another writer was first (unique violation): load again and decide again."""


class BadValue(PermanentError):
    """A value that Postgres cannot hold (class 22), such as U+0000 in JSON."""


def translate(error: BaseException) -> StrettoError | None:
    """Say what an error of asyncpg means; None for one that is not the driver's or the
    network's."""
    if isinstance(error, asyncpg.PostgresError):
        return _by_sqlstate(error)
    if isinstance(error, OSError | asyncpg.InterfaceError | TimeoutError | ConnectionError):
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
    if state[:2] == "22":
        message = f"expected a value that Postgres can hold, but got another: {text}"
        return BadValue("postgres.bad_value", message, detail)
    if state[:2] in _UNREACHABLE_CLASSES:
        return NotReachable("postgres.not_reachable", f"expected a connection, but {text}", detail)
    if state[:2] in _TRANSIENT_CLASSES or state == _READ_ONLY:
        return TransientError("postgres.unavailable", f"expected to be served, but {text}", detail)
    return PermanentError(
        "postgres.refused", f"expected to be allowed and right, but {text}", detail
    )
