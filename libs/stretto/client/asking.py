"""Ask a service and read its answer, or the reason why there is none."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import msgspec

from stretto.bus.connection import Connection
from stretto.bus.request import RemoteError, Reply
from stretto.client.errors import Rejected
from stretto.contracts import subjects
from stretto.contracts.unreadable import UNREADABLE
from stretto.runtime.errors import NotReachable, PermanentError, StrettoError, TransientError

T = TypeVar("T")

ASK_TIMEOUT_S = 5.0
NOBODY_PAUSE_S = 0.1
"""Pause before asking again while no instance of the service listens: it is being restarted."""

BUSY = "service.busy"
PASSING = ("postgres.not_reachable", "postgres.unavailable", "bus.")
"""Codes, or their beginnings, of a service that is cut off from what it needs, or overloaded."""

_encode = msgspec.json.Encoder().encode


class Asks:
    """Asks `stretto.api.*`; many at the same time are fine."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._decoders: dict[Any, msgspec.json.Decoder[Any]] = {}

    async def ask(
        self,
        service: str,
        operation: str,
        request: object,
        answer: type[T],
        timeout_s: float = ASK_TIMEOUT_S,
    ) -> T:
        """Ask `stretto.api.<service>.<operation>`; read the answer as `answer`.

        Raises:
            NotReachable: no instance of the service answered within `timeout_s`.
            Rejected: the service answered with an error; its code and sentence.
        """
        subject = subjects.api(service, operation)
        data = await self.ask_raw(service, operation, _encode(request), timeout_s)
        decoder = self._decoders.get(answer)
        if decoder is None:
            decoder = self._decoders[answer] = msgspec.json.Decoder(answer)
        try:
            return decoder.decode(data)  # type: ignore[no-any-return]
        except UNREADABLE as error:
            raise PermanentError(
                "client.not_understood",
                f"expected {subject} to answer in a form that this client knows, but {error}",
            ) from error

    async def ask_raw(
        self, service: str, operation: str, data: bytes, timeout_s: float = ASK_TIMEOUT_S
    ) -> bytes:
        """As `ask`, with the JSON as it goes and as it comes."""
        return (await self.request(subjects.api(service, operation), data, timeout_s)).data

    async def request(self, subject: str, data: bytes, timeout_s: float) -> Reply:
        """Send a request to any subject; asks again while nobody there can answer.

        Raises as `ask`.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout_s
        while True:
            try:
                return await self._connection.request(
                    subject, data, timeout_s=max(0.0, deadline - clock())
                )
            except (RemoteError, NotReachable) as error:
                if isinstance(error, RemoteError) and not _may_pass(error.code):
                    raise Rejected(error.code, error.message) from error
                if clock() + NOBODY_PAUSE_S >= deadline:
                    raise _no_answer(subject, timeout_s, error) from error
                await asyncio.sleep(NOBODY_PAUSE_S)
            except TransientError as error:
                raise _no_answer(subject, timeout_s, error) from error


def _may_pass(code: str) -> bool:
    """Tell whether a service could not answer for a reason that goes away by itself."""
    return code == BUSY or code.startswith(PASSING)


def _no_answer(subject: str, timeout_s: float, error: StrettoError) -> NotReachable:
    return NotReachable(
        "client.no_answer",
        f"expected an answer on {subject} within {timeout_s:g} s, but: {error.message}",
        {"cause": error.code},
    )
