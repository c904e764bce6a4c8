"""One round of the engine: what was decided for many runs, before and until it is committed."""

from services.workflow.core import CONTINUE, Rejection, apply, decide, effects
from services.workflow.core.commands import Command
from services.workflow.core.effects import Effect
from services.workflow.slots import Slot, Written, public_status
from services.workflow.store import Append
from stretto.contracts.events import Event

MAX_EVENTS_PER_RUN = 100_000
"""A run that has more events than this is ended: its history could not be folded in reasonable
time."""


class Touched:
    """A run that this round changed."""

    __slots__ = ("effects", "slot", "written")

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.written: list[Written] = []
        self.effects: list[Effect] = []


class Batch:
    """The changes of one round, by run, in the order in which the runs were first touched."""

    def __init__(self, now_us: int) -> None:
        self.now_us = now_us
        self.touched: dict[bytes, Touched] = {}
        self.events = 0

    def run(self, slot: Slot, command: Command) -> Rejection | None:
        """Decide a command, apply what follows, and all that follows from that by itself."""
        outcome = decide(slot.run, command, self.now_us)
        if isinstance(outcome, Rejection):
            return outcome
        touched = self.touched.get(slot.run.id)
        if touched is None:
            touched = self.touched[slot.run.id] = Touched(slot)
        run = slot.run
        while outcome:
            for event in outcome:
                self._append(touched, event)
            if not run.todo:
                break
            following = decide(run, CONTINUE, self.now_us)
            assert not isinstance(following, Rejection), "a run with a todo is open"
            outcome = following
        return None

    def _append(self, touched: Touched, event: Event) -> None:
        run = touched.slot.run
        seq = run.seq + 1
        apply(run, event, seq, self.now_us)
        touched.written.append(Written(seq, self.now_us, event))
        touched.effects.extend(effects(run, event))
        self.events += 1

    def rows(self) -> Append:
        """The columns of the commit."""
        rows = Append()
        for run_id, touched in self.touched.items():
            for written in touched.written:
                rows.run_ids.append(run_id)
                rows.seqs.append(written.seq)
                rows.types.append(written.type)
                rows.instants_us.append(written.at_us)
                rows.data.append(written.data)
            slot = touched.slot
            closed = slot.run.closed
            status = public_status(slot.run)
            if not slot.stored:
                slot.row.status = status if closed else "running"
                slot.row.closed_us = self.now_us if closed else None
                rows.started.append(slot.row)
            elif closed:
                rows.closed.append((run_id, status, self.now_us))
            elif slot.row.closed_us is not None:
                rows.closed.append((run_id, "running", None))
        return rows
