"""`std.http`: one request to a public address, its answer as the output.

The HTTP library costs 200 ms and 10 MB to import: it is loaded by the first request.
"""

import asyncio
from typing import Any, Literal

import msgspec

from services.execution.own.durations import seconds_of
from stretto.worker.errors import InvalidInput

MAX_PARALLEL = 64
"""Requests at once: sockets and memory of this process."""

DEFAULT_TIMEOUT_S = 30.0
MAX_TIMEOUT_S = 600.0

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class HttpInput(msgspec.Struct, forbid_unknown_fields=True):
    """What `std.http` takes. `body`: text as it is; anything else as JSON. `timeout`: `30s`."""

    url: str
    method: Method = "GET"
    headers: dict[str, str] = {}
    body: Any = None
    timeout: str | float = DEFAULT_TIMEOUT_S


class HttpTask:
    """The handler of `std.http`.

    Args:
        allow_private: whether addresses that are not public may be reached.
    """

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._turns = asyncio.Semaphore(MAX_PARALLEL)

    async def __call__(self, request: HttpInput) -> dict[str, Any]:
        """Send a request; return `{"status", "headers", "body"}` of whatever answer came.

        Raises:
            HttpError: no answer came; AddressRefused, TooManyRedirects, TooLarge, InvalidInput.
        """
        from services.execution.own.http_client import fetch

        timeout_s = _timeout(request.timeout)
        async with self._turns:
            return await fetch(request, timeout_s, allow_private=self._allow_private)


def _timeout(text: str | float) -> float:
    try:
        timeout_s = seconds_of(text)
    except ValueError as error:
        raise InvalidInput(f"timeout: {error}") from error
    if not 0 < timeout_s <= MAX_TIMEOUT_S:
        raise InvalidInput(f"expected a timeout above 0 and at most {MAX_TIMEOUT_S:g} s")
    return timeout_s
