"""Whether the attempt that a start calls its parent really waits for that run.

Anybody may publish a start. The result of a run goes to its parent as the result of that attempt:
so a parent is believed only if the log of its run has the attempt, and its child is this very run.
"""

from collections import OrderedDict

from services.workflow.core import Rejection
from services.workflow.core.policy import child_id
from services.workflow.loading import Loader
from services.workflow.store import Store
from stretto.contracts.frames import StartRecord
from stretto.contracts.ids import parse_attempt_id

PARENT_INVALID = "parent_invalid"

MAX_RUNS = 200
"""Parents in other instances of which the attempts are remembered: each child asks for one."""

MAX_ATTEMPTS = 20_000
"""Of one parent; with more they are read again."""


class _Attempts:
    """The attempts of one run that were sent out, up to an event."""

    __slots__ = ("at_us", "seq")

    def __init__(self) -> None:
        self.seq = 0
        self.at_us: dict[tuple[str, int], int] = {}


class Parents:
    """Looks into memory where the parent is here, else into the log, each event once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[bytes, _Attempts] = OrderedDict()

    async def refuse(self, item: StartRecord, loader: Loader) -> Rejection | None:
        """Refuse a start whose parent does not wait for it; None: it has none, or does."""
        if item.parent is None:
            return None
        parent = parse_attempt_id(item.parent)
        slot = loader.slots.get(parent.run_id)
        node = None if slot is None else slot.run.nodes.get(parent.path)
        if node is not None and node.attempt == parent.attempt and node.child_run == item.run_id:
            return None
        at_us = await self._sent_at(parent.run_id, parent.path, parent.attempt)
        if at_us is not None:
            expected = child_id(parent.run_id, parent.path, parent.attempt, at_us)
            if expected == item.run_id:
                return None
        return Rejection(
            code=PARENT_INVALID,
            message="expected no `parent`, or an attempt that waits for this very run, but "
            f"{item.parent[:200]!r} does not: only the workflow service sets it",
        )

    async def _sent_at(self, run_id: bytes, step: str, attempt: int) -> int | None:
        known = self._known.get(run_id)
        if known is None or len(known.at_us) > MAX_ATTEMPTS:
            known = self._known[run_id] = _Attempts()
        self._known.move_to_end(run_id)
        if len(self._known) > MAX_RUNS:
            self._known.popitem(last=False)
        if (step, attempt) not in known.at_us:
            for seq, at_us, path, number in await self._store.sent_attempts(run_id, known.seq):
                known.seq = seq
                known.at_us[path, number] = at_us
        return known.at_us.get((step, attempt))
