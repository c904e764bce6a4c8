"""Start runs: from an input to a stored message, and to the run that answers it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any

import msgspec

from stretto.bus.publisher import Outgoing
from stretto.client.errors import Rejected, rejection
from stretto.contracts import ids, subjects
from stretto.contracts.failures import Reason
from stretto.contracts.payload import payload_problem
from stretto.contracts.public import StartRequest

BAD_NAME = "name_invalid"
BAD_INPUT = "input_invalid"


@dataclass(frozen=True, kw_only=True)
class Start:
    """One start. `id` is the caller's own key: while a run with it is open, a start with it is that
    run. `run_id` (a UUID) and `version` are chosen where left out. `traceparent`: the span that the
    run's trace is to be linked with."""

    workflow: str
    input: Any = None
    id: str | None = None
    version: int | None = None
    labels: dict[str, str] = field(default_factory=dict)
    run_id: str | None = None
    traceparent: str | None = None


def prepare(start: Start, namespace: str) -> tuple[str, Outgoing]:
    """Give the run id and the message of a start.

    Raises:
        Rejected: a name that cannot be one, an input that is no JSON, too large or too deep.
    """
    check_name("workflow", start.workflow)
    msg_id: str | None
    run_id = start.run_id
    if run_id is None:
        run_id = msg_id = new_run_id()
    else:
        # Who chooses the id may start with it again after a refusal: the store must not drop that.
        msg_id = None
        try:
            run_id = ids.run_id_text(ids.parse_run_id(run_id))
        except ValueError as error:
            raise Rejected(BAD_INPUT, str(error)) from error
    data = encode_payload(start.input, "input")
    request = StartRequest(
        input=msgspec.Raw(data),
        id=start.id,
        run_id=run_id,
        version=start.version,
        labels=start.labels,
    )
    headers = {subjects.HEADER_TRACEPARENT: start.traceparent} if start.traceparent else None
    subject = subjects.start(namespace, start.workflow)
    return run_id, Outgoing(subject, _encode(request), msg_id, headers)


def new_run_id() -> str:
    """Make a new run id (UUIDv7): sorted by time, unique without asking anybody."""
    return ids.run_id_text(ids.uuid7(time.time_ns() // 1_000_000, os.urandom(10)))


def check_name(what: str, name: str) -> None:
    """Raise Rejected if a text cannot be a namespace or the name of a workflow."""
    if not subjects.is_name(name):
        raise Rejected(
            BAD_NAME,
            f"expected the {what} to be a name of [a-z0-9][a-z0-9_-]* with at most "
            f"{subjects.MAX_NAME_CHARS} characters, but got {name[:120]!r}",
        )


def encode_payload(value: object, what: str) -> bytes:
    """Write a payload as JSON: plain values, msgspec structs, dataclasses, pydantic models.

    `msgspec.Raw` is taken as JSON that is ready. Raises Rejected where that cannot be done or the
    product would refuse it for its size or depth.
    """
    try:
        data = bytes(value) if isinstance(value, msgspec.Raw) else _encode(value)
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise Rejected(BAD_INPUT, f"expected the {what} to be JSON, but {error}") from error
    if (problem := payload_problem(data)) is not None:
        raise Rejected(BAD_INPUT, f"{what}: {problem}")
    return data


class _Answer(msgspec.Struct):
    """A `Started` or a `Refused`, in one shape."""

    run_id: str = ""
    version: int = 0
    existing: bool = False
    rejected: Reason | None = None


_decode_answer = msgspec.json.Decoder(_Answer).decode


def read_answer(data: bytes) -> tuple[str, bool]:
    """Read the answer to a start: the run's id, and whether it had been there before.

    Raises Rejected if the start was refused.
    """
    answer = _decode_answer(data)
    if answer.rejected is not None:
        raise rejection(answer.rejected)
    return answer.run_id, answer.existing


def _model(value: object) -> object:
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"got a value of type {type(value).__name__}")
    return dump(mode="json")


_encode = msgspec.json.Encoder(enc_hook=_model).encode
