"""The JetStream API: JSON requests on ``$JS.API...``."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from stretto.runtime.errors import TransientError

from .api_errors import ApiError, translate
from .connection import Connection

API = "$JS.API"
API_TIMEOUT_S = 5.0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What every answer of the API may have."""

    error: ApiError | None = None


AnswerType = TypeVar("AnswerType", bound=Answer)


async def ask_api(
    connection: Connection,
    operation: str,
    body: object,
    kind: type[AnswerType],
    *,
    asked: str,
    timeout_s: float = API_TIMEOUT_S,
) -> AnswerType:
    """Ask the API and return the answer.

    Args:
        operation: what follows ``$JS.API.``.
        body: anything msgspec makes JSON of; None for an empty request.
        kind: the type of the answer.
        asked: completes "expected to ..." in messages.

    Raises:
        NotReachable: JetStream is not there.
        TransientError: no answer in time, or an error that may pass; ``Missing`` among them.
        PermanentError: the server refuses.
    """
    data = b"" if body is None else msgspec.json.encode(body)
    reply = await connection.request(f"{API}.{operation}", data, timeout_s=timeout_s)
    try:
        answer = msgspec.json.decode(reply.data, type=kind)
    except msgspec.DecodeError as error:
        raise TransientError(
            "bus.bad_answer", f"expected to {asked}, but the answer is not understood: {error}"
        ) from error
    if answer.error is not None:
        raise translate(answer.error, asked)
    return answer
