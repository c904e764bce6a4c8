"""Start runs: from an input to a stored message, and to the run that answers it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from stretto.bus.publisher import Outgoing
from stretto.client.errors import Rejected, rejection
from stretto.contracts import ids, subjects
from stretto.contracts.codec import decode_start as _decode_request
from stretto.contracts.failures import Reason
from stretto.contracts.payload import MAX_PAYLOAD_BYTES, MAX_STORED_BYTES, payload_problem
from stretto.contracts.public import ForkRequest, StartRequest
from stretto.contracts.versions import MARK, parse_version
from stretto.payloads import Carrier
from stretto.runtime.errors import NotReachable, TransientError

BAD_NAME = "name_invalid"
BAD_INPUT = "input_invalid"
BAD_VERSION = "version_invalid"


@dataclass(frozen=True, kw_only=True)
class Start:
    """One start. `id` is the caller's own key: while a run with it is open, a start with it is that
    run. `run_id` (a UUID) and `version` are chosen where left out; `version` may be a label, and
    the workflow may say it (`order@stable`). `traceparent`: the span that the run's trace is to be
    linked with. `fork`: the run begins where another one stood."""

    workflow: str
    input: Any = None
    id: str | None = None
    version: int | str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    run_id: str | None = None
    traceparent: str | None = None
    fork: ForkRequest | None = None


def settle(start: Start) -> Start:
    """Tell the workflow and its version apart: `order@3` is version 3 of `order`.

    Raises:
        Rejected: two versions.
    """
    if MARK not in start.workflow:
        return start
    name, _, which = start.workflow.partition(MARK)
    if start.version is not None:
        raise Rejected(BAD_VERSION, f"expected one version of {name!r}, but got two")
    return replace(start, workflow=name, version=which)


def version_of(version: int | str | None) -> tuple[int | None, str | None]:
    """Tell a number from a label; raises Rejected where it is neither."""
    if version is None:
        return None, None
    try:
        return parse_version(str(version))
    except ValueError as error:
        raise Rejected(BAD_VERSION, str(error)) from error


def prepare(start: Start, namespace: str, limit: int = MAX_PAYLOAD_BYTES) -> tuple[str, Outgoing]:
    """Give the run id and the message of a start; `limit` is for the bytes of its input.

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
    data = encode_payload(start.input, "input", limit)
    version, label = version_of(start.version)
    request = StartRequest(
        input=msgspec.Raw(data),
        id=start.id,
        run_id=run_id,
        version=version,
        version_label=label,
        labels=start.labels,
        fork=start.fork,
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


async def by_reference(carrier: Carrier, start: Start, message: Outgoing) -> Outgoing:
    """Give the message of a start whose input is large: the input goes ahead, by reference.

    Raises:
        NotReachable: the store does not take it.
    """
    data = encode_payload(start.input, "input", MAX_STORED_BYTES)
    try:
        sent = await carrier.send(data)
    except TransientError as error:
        raise NotReachable(error.code, error.message, error.detail) from error
    request = _decode_request(message.data)
    again = msgspec.structs.replace(request, input=msgspec.Raw(sent))
    return message._replace(data=_encode(again))


def encode_payload(value: object, what: str, limit: int = MAX_PAYLOAD_BYTES) -> bytes:
    """Write a payload as JSON: plain values, msgspec structs, dataclasses, pydantic models.

    `msgspec.Raw` is taken as JSON that is ready. Raises Rejected where that cannot be done or the
    product would refuse it for its size or depth.
    """
    try:
        data = bytes(value) if isinstance(value, msgspec.Raw) else _encode(value)
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise Rejected(BAD_INPUT, f"expected the {what} to be JSON, but {error}") from error
    if (problem := payload_problem(data, limit)) is not None:
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
