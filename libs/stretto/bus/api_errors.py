"""JetStream's errors in our terms: by ``err_code``, never by text.

The codes are those of nats-server 2.15 (10002 to 10227). A code that is not named here and not
above the highest known one is permanent: it says that our configuration or request is wrong. A code
that this build does not know is judged by its HTTP-like status: 429 and 5xx may pass.
"""

from __future__ import annotations

import msgspec

from stretto.runtime.errors import NotReachable, PermanentError, StrettoError, TransientError

HIGHEST_KNOWN = 10227

STREAM_NOT_FOUND = 10059
CONSUMER_NOT_FOUND = 10014
STREAM_EXISTS_DIFFERENTLY = 10058
CONFIG_REFUSED = 10052

MISSING = frozenset({STREAM_NOT_FOUND, CONSUMER_NOT_FOUND, 10149})

# The store has no room: admission must slow down until consumers, limits or the disk allow more.
FULL = frozenset(
    {
        10002,  # resource limits exceeded for account
        10023,  # insufficient resources
        10028,  # insufficient memory resources
        10047,  # insufficient storage resources
        10077,  # storing failed: also "maximum messages" and "maximum bytes exceeded"
        10167,  # too many requests
        10210,  # too many atomic batches in flight
        10211,  # too many batches in flight
    }
)

# JetStream or its leader is not there at the moment, or busy with a change of the same thing.
UNAVAILABLE = frozenset(
    {
        *(10004, 10005, 10006, 10007, 10008, 10009, 10010),  # cluster without quorum or leader
        *(10035, 10039, 10076),  # account or JetStream not (yet) enabled
        *(10041, 10048, 10049, 10051, 10066, 10069, 10075),  # general failures, raft, assignment
        *(10012, 10104, 10105),  # consumer creation failed, its store failed, still active
        *(10062, 10064, 10072, 10110, 10111, 10117),  # snapshot, restore, purge
        *(10096, 10118, 10119, 10194, 10195),  # stream or consumer not valid or offline
        *(10063, 10071, 10158, 10163, 10164),  # a race with another writer
        *(10123, 10124, 10202, 10226),  # moving, scaling, membership change
    }
)


class ApiError(msgspec.Struct, frozen=True, kw_only=True):
    """The ``error`` object of an answer of the JetStream API."""

    code: int
    err_code: int = 0
    description: str = ""


class Missing(TransientError):
    """The stream or consumer is not there (any more): to be made again."""


def translate(error: ApiError, asked: str) -> StrettoError:
    """Return our error for JetStream's; ``asked`` completes "expected to ...".

    ``Missing``, ``TransientError`` or ``PermanentError``; ``detail`` has the server's code.
    """
    code = error.err_code
    message = f"expected to {asked}, but the server says: {error.description} ({code})"
    detail = {"err_code": code, "status": error.code}
    if code in MISSING:
        return Missing("bus.missing", message, detail)
    if code in FULL:
        return TransientError("bus.store_full", message, detail)
    if code in UNAVAILABLE:
        return TransientError("bus.store_unavailable", message, detail)
    if code > HIGHEST_KNOWN or code == 0:
        passing = error.code == 429 or error.code >= 500
        kind = TransientError if passing else PermanentError
        return kind("bus.store_unknown_error", message, detail)
    return PermanentError("bus.store_refused", message, detail)


def no_responders(asked: str) -> NotReachable:
    """Return the error for an answer with status 503: nothing listens where JetStream should."""
    return NotReachable(
        "bus.no_responders",
        f"expected to {asked}, but nothing listens there: no such stream, or JetStream is not up",
    )
