"""What a round means for kept outputs: rows that come, and that go with what is undone."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from services.workflow.core.reuse import Dropped, Kept
from stretto.contracts.payload import INLINE_BYTES, REFERENCE_MARK

MAX_KEPT_BYTES = INLINE_BYTES
"""A larger output travels by reference, and belongs to its run: it is not kept for others."""

KeptKey = tuple[str, str, str]
"""Namespace, task, key."""


class KeptOutput(msgspec.Struct, frozen=True, gc=False):
    """What a step of a run has given."""

    run_id: bytes
    workflow: str
    step: str
    output: bytes
    kept_us: int
    expires_us: int


Changes = dict[KeptKey, KeptOutput | bytes]
"""By key what is kept from now on, or the id of the run whose output is not, if it still is."""


def can_keep(output: bytes) -> bool:
    """Tell whether an output can be kept for others: it is whole, and not too large."""
    return len(output) <= MAX_KEPT_BYTES and REFERENCE_MARK not in output


class Whose(NamedTuple):
    """The run that a change is of."""

    run_id: bytes
    namespace: str
    workflow: str


def note(changes: Changes, whose: Whose, found: Iterable[Kept | Dropped], now_us: int) -> None:
    """Add what a run's events mean to what others of the same commit do; the last one counts."""
    run_id = whose.run_id
    for each in found:
        at = (whose.namespace, each.task, each.key)
        before = changes.get(at)
        if isinstance(each, Kept):
            if can_keep(each.output):
                expires_us = now_us + int(each.for_s * 1_000_000)
                changes[at] = KeptOutput(
                    run_id, whose.workflow, each.path, each.output, now_us, expires_us
                )
        elif before is None or (isinstance(before, KeptOutput) and before.run_id == run_id):
            changes[at] = run_id
