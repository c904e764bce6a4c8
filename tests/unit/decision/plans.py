"""Plans, values and records for tests, written shortly."""

from typing import Any

import msgspec

from services.decision.core.evaluate import ABSENT, FrameValues, evaluate
from services.decision.core.plans import PlanCache
from stretto.contracts.asks import AskPlan
from stretto.contracts.codec import json_encode, pack
from stretto.contracts.frames import DecidedRecord, DecideRecord
from stretto.contracts.payload import NULL

RUN = bytes(range(16))
ABSENT_VALUE = object()


def plan(
    *paths: str, template: Any = None, values: dict[str, Any] | None = None, **given: Any
) -> bytes:
    """Return the bytes of a plan; paths are written with dots."""
    return json_encode(
        AskPlan(
            workflow="orders",
            version=1,
            step="charge",
            paths=tuple(tuple(path.split(".")) for path in paths),
            template=NULL if template is None else msgspec.Raw(json_encode(template)),
            values={k: msgspec.Raw(json_encode(v)) for k, v in (values or {}).items()},
            **given,
        )
    )


def decide(encoded: bytes, *values: Any, cache: PlanCache | None = None) -> DecidedRecord:
    """Evaluate a plan over plain values; `ABSENT_VALUE` is one whose step was skipped."""
    present = [value for value in values if value is not ABSENT_VALUE]
    order = iter(range(len(present)))
    indices = tuple(ABSENT if value is ABSENT_VALUE else next(order) for value in values)
    record = DecideRecord(RUN, "charge", 7, 3, 0, indices)
    frame = FrameValues([json_encode(value) for value in present])
    return evaluate((cache or PlanCache()).get(encoded), frame, record)


def failure_of(answer: DecidedRecord) -> tuple[str, str]:
    """Return code and message of an error."""
    assert answer.error is not None
    assert answer.error.type == "ExpressionError"
    assert not answer.error.retryable
    text, _, code = answer.error.message.removesuffix("]").rpartition(" [")
    # An answer with an error must survive its journey.
    assert msgspec.msgpack.decode(pack(answer), type=DecidedRecord) == answer
    return code, text
