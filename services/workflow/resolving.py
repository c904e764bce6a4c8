"""Questions whose values refer to payloads: the values go along, or stay references where they may.

A payload that fits into the question goes along whole, so that expressions read it as if it had
never been taken out. One that does not can only be passed on: where a template takes it by a plain
path (`${{ steps.scan.output.image }}`) the reference itself goes into the result. Any other use of
it fails the step with `TooLarge`.
"""

import logging
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from services.workflow.core.commands import Decided
from services.workflow.core.effects import Ask
from services.workflow.core.values import asked_values
from services.workflow.frame_sizes import MAX_ASK_BYTES
from services.workflow.inbox import Addressed
from services.workflow.outgoing import Frames
from services.workflow.payloads import BadPayload, Payloads, TooMuch
from services.workflow.slots import Slot
from stretto.contracts.codec import decode_ask_plan
from stretto.contracts.failures import Failure, FailureType
from stretto.contracts.frames import DecidedRecord
from stretto.contracts.payload import REFERENCE_MARK
from stretto.expression.errors import ExpressionError
from stretto.expression.paths import Reference, show_path
from stretto.expression.program import Program, compile_expression
from stretto.expression.template import compile_template
from stretto.payloads import references_in
from stretto.runtime.errors import StrettoError, TransientError
from stretto.table.plans import expressions_of, outputs_of
from stretto.telemetry.names import LOG_REASON

logger = logging.getLogger(__name__)

MAX_PLANS = 1_000
"""Plans of which is known how they use their values: those that met a payload too large."""


class Uses(NamedTuple):
    """How a plan uses its values: `paths[i]` is the place of value `i`."""

    paths: tuple[tuple[str, ...], ...]
    read: tuple[Program, ...]
    """Conditions, lists, cases: they look at what they are given."""
    written: tuple[Program, ...]
    """Of templates: a plain path is written as it is."""


class Resolving:
    """Resolves the questions of a round."""

    def __init__(self, payloads: Payloads) -> None:
        self._payloads = payloads

    async def resolve(self, frames: Frames) -> None:
        """Put the questions that may refer to payloads into the frames."""
        known: dict[int, bytes] = {}
        for slot, effect in frames.referring:
            values = asked_values(slot.run, effect)
            if values is None:
                continue
            try:
                frames.add_with(slot, effect, await self._resolved(slot, effect, values, known))
            except TransientError as error:
                # The sweep asks again.
                logger.warning("question put off", extra={LOG_REASON: error.message})
            except BadPayload as error:
                frames.too_large.append(_failed(slot, effect, "PayloadMissing", error))
            except TooMuch as error:
                frames.too_large.append(_failed(slot, effect, FailureType.TOO_LARGE, error))
        frames.referring.clear()

    async def _resolved(
        self, slot: Slot, effect: Ask, values: list[bytes | None], known: dict[int, bytes]
    ) -> list[bytes | None]:
        """The values with their payloads; `known` are those of the round, by identity."""
        room = MAX_ASK_BYTES - len(effect.ask.plan)
        found = list(values)
        for index, value in enumerate(values):
            if value is None or REFERENCE_MARK not in value:
                continue
            whole = known.get(id(value))
            if whole is None:
                try:
                    whole = await self._payloads.resolve(slot.run.id, value, room)
                except TooMuch as error:
                    whole = _passed_on(effect.ask.plan, index, value, error)
                known[id(value)] = whole
            found[index] = whole
        return found


def _passed_on(plan: bytes, index: int, value: bytes, error: TooMuch) -> bytes:
    """The value with its references as they are; raises TooMuch where the plan looks into one."""
    uses = uses_of(plan)
    path = uses.paths[index]
    decoded = msgspec.json.decode(value)
    for program in (*uses.read, *uses.written):
        for reference in program.references:
            passes = program in uses.written and program.is_path
            if touches(reference, path, decoded, passes=passes):
                raise TooMuch(
                    "payload_too_large",
                    f"expected what `{show_path(reference)}` takes to fit into an expression, but "
                    f"{error.message}: only a whole `${{{{ }}}}` with its path can pass it on",
                )
    return value


def touches(reference: Reference, path: Reference, value: Any, *, passes: bool) -> bool:
    """Whether a use of `reference` looks into a payload of the value at `path`; with `passes`, what
    is passed on whole is not looked into."""
    common = min(len(reference), len(path))
    if reference[:common] != path[:common]:
        return False
    for key in reference[common:]:
        if _is_reference(value):
            return True
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return not passes and bool(references_in(msgspec.json.encode(value)))


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and "$payload" in value


@lru_cache(maxsize=MAX_PLANS)
def uses_of(encoded: bytes) -> Uses:
    """Find out how a plan uses its values. A plan that cannot be compiled uses none: the decision
    service says so."""
    plan = decode_ask_plan(encoded)
    read: list[Program] = []
    written: list[Program] = []
    try:
        sources = (plan.condition, plan.items, *plan.cases, *expressions_of(plan.table))
        read += [compile_expression(source) for source in sources if source is not None]
        for template in (plan.template, *plan.values.values(), *outputs_of(plan.table)):
            compiled = compile_template(msgspec.json.decode(template))
            written.extend(program for _, program in compiled.programs)
    except ExpressionError:
        return Uses(plan.paths, (), ())
    return Uses(plan.paths, tuple(read), tuple(written))


def _failed(slot: Slot, effect: Ask, kind: str, error: StrettoError) -> Addressed:
    failure = Failure(type=kind, message=error.message, retryable=False)
    record = DecidedRecord(slot.run.id, effect.path, effect.turn, error=failure)
    return Addressed(slot.run.id, Decided(record=record), slot.row.namespace)
