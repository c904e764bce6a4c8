"""Work out one record: pure, and an answer whatever happens."""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from services.decision.core.failures import evaluation_message, expression_failure
from services.decision.core.plans import BrokenPlan, CompiledPlan
from stretto.contracts.asks import DevicesPlan
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Failure
from stretto.contracts.frames import DecidedRecord, DecideRecord
from stretto.contracts.unreadable import UNREADABLE
from stretto.expression.errors import EvaluationError
from stretto.expression.filling import around
from stretto.expression.paths import Scope, show_path
from stretto.expression.secrets import with_secrets

MAX_ITEMS = 10_000
"""Items of one `for_each`: each becomes a step with events of its own in the run's log."""

ABSENT = -1
"""The index of a value whose step was skipped."""

_decode = msgspec.json.Decoder().decode
_UNREAD: Any = object()


class FrameValues:
    """The values of a frame, each decoded at most once, when it is first needed."""

    __slots__ = ("_decoded", "_encoded")

    def __init__(self, encoded: Sequence[bytes]) -> None:
        self._encoded = encoded
        self._decoded: list[Any] = [_UNREAD] * len(encoded)

    def get(self, index: int) -> Any:
        """Return a value.

        Raises:
            EvaluationError: it is not JSON, or there is none of this index.
        """
        if not 0 <= index < len(self._decoded):
            raise EvaluationError(
                "invalid",
                f"expected one of {len(self._decoded)} values of the frame, but got {index}",
            )
        value = self._decoded[index]
        if value is _UNREAD:
            try:
                value = self._decoded[index] = _decode(self._encoded[index])
            except UNREADABLE as error:
                raise EvaluationError("invalid", f"expected JSON, but: {error}") from error
        return value


class Devices(Protocol):
    """Who knows the devices that are present."""

    def that_fit(self, plan: DevicesPlan, scope: Scope) -> list[bytes] | Failure:
        """The devices that fit, as JSON, in the order of their names; or why there are too few.

        Raises:
            EvaluationError: the condition cannot be worked out.
        """
        ...


def evaluate(
    plan: CompiledPlan | BrokenPlan,
    values: FrameValues,
    record: DecideRecord,
    devices: Devices | None = None,
) -> DecidedRecord:
    """Return the answer to one record; `took_us` is left to the shell."""
    run_id, path, turn = record.run_id, record.path, record.turn
    if isinstance(plan, BrokenPlan):
        return DecidedRecord(run_id, path, turn, error=plan.failure)
    place = ""
    scope: Scope = {}
    try:
        scope, absent = scope_of(plan, values, record.values)
        lenient = plan.lenient and bool(absent)
        place = "if"
        if plan.condition is not None and not plan.condition(scope):
            return DecidedRecord(run_id, path, turn, skip=True)
        place = ""
        output = None
        if plan.template is not None:
            output = plan.template.render_json(scope, lenient=lenient)
        place = "for_each"
        items = None if plan.items is None else _items(plan.items(scope))
        if plan.devices is not None:
            found = _found(plan.devices, scope, devices)
            if isinstance(found, Failure):
                return DecidedRecord(run_id, path, turn, error=found)
            items = found
        place = ""
        branch = -1 if plan.cases is None else plan.cases.choose(scope)
        rules = None
        if plan.table is not None:
            output, rules = plan.table.decide(scope)
        further = None
        if plan.values:
            further = {}
            for place, template in plan.values:
                further[place] = template.render_json(scope, lenient=lenient)
        return DecidedRecord(
            run_id, path, turn, output=output, items=items, branch=branch, values=further,
            rules=rules,
        )  # fmt: skip
    except EvaluationError as error:
        message = evaluation_message(error, with_secrets(scope, plan.secret))
        message += _why_absent(error, plan, record.values)
        failure = expression_failure(_joined(place, error.place), message, error.code)
        return DecidedRecord(run_id, path, turn, error=failure)


def scope_of(
    plan: CompiledPlan, values: FrameValues, indices: tuple[int, ...]
) -> tuple[Scope, bool]:
    """Put the values where the plan wants them; tell whether one is absent.

    Raises:
        EvaluationError: a value is none, or there are more or fewer than places.
    """
    paths = plan.paths
    if len(paths) != len(indices):
        raise EvaluationError(
            "invalid", f"expected {len(paths)} values for the plan, but got {len(indices)}"
        )
    scope: dict[str, Any] = {}
    absent = False
    for path, index in zip(paths, indices, strict=True):
        inside = around(scope, path)
        if index == ABSENT:
            absent = True
        else:
            inside[path[-1]] = values.get(index)
    return scope, absent


def _items(value: Any) -> list[bytes]:
    """Encode each item of a list.

    Raises:
        EvaluationError: too many.
    """
    if len(value) > MAX_ITEMS:
        raise EvaluationError(
            "too_large", f"expected at most {MAX_ITEMS} items, but got {len(value)}"
        )
    return [json_encode(item) for item in value]


def _found(plan: DevicesPlan, scope: Scope, devices: Devices | None) -> list[bytes] | Failure:
    """The devices of a `for_each`, where somebody knows them.

    Raises:
        EvaluationError: nobody does, there are too many, or the condition is wrong.
    """
    if devices is None:
        raise EvaluationError("invalid", "expected to know the devices, but nobody does here")
    found = devices.that_fit(plan, scope)
    if not isinstance(found, Failure) and len(found) > MAX_ITEMS:
        raise EvaluationError(
            "too_large", f"expected at most {MAX_ITEMS} devices, but {len(found)} fit"
        )
    return found


def _joined(place: str, inner: str) -> str:
    """Join the place in the plan and the place in a template (`with`, `items[0].sku`)."""
    if not place or not inner:
        return place or inner
    return place + inner if inner.startswith("[") else f"{place}.{inner}"


def _why_absent(error: EvaluationError, plan: CompiledPlan, indices: tuple[int, ...]) -> str:
    """Say that a step did not run, where that is why a path is missing."""
    if error.code != "missing_path":
        return ""
    for path, index in zip(plan.paths, indices, strict=True):
        if index == ABSENT and f"`{show_path(path)}" in error.message:
            return f" ({show_path(path[:-1])} did not run)"
    return ""
