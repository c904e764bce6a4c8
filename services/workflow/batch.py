"""One round of the engine: what was decided for many runs, before and until it is committed."""

from collections.abc import Iterator

from services.workflow.claims import LineKey
from services.workflow.core import CONTINUE, Rejection, apply, decide, effects, reuse
from services.workflow.core.commands import Command, Decided
from services.workflow.core.effects import Ask, Effect
from services.workflow.core.nodes import Place
from services.workflow.core.places import standing
from services.workflow.core.reuse import Dropped, Kept
from services.workflow.core.state import Line, Run
from services.workflow.core.values import asked_values
from services.workflow.placing import Placing
from services.workflow.plain import answer, plain_plan
from services.workflow.reuse.noting import Changes, Whose, note
from services.workflow.rows import Append
from services.workflow.slots import Slot, Written, public_status
from stretto.bus.publisher import Outgoing
from stretto.contracts.events import Event, RunAdmitted, RunFailing, RunQueued, RunTerminated
from stretto.contracts.failures import Failure, FailureType

MAX_EVENTS_PER_RUN = 100_000
"""A run that has more events than this fails: its history could not be folded in reasonable
time."""

MAX_EVENTS_OF_ENDING = 20_000
"""What cancelling and undoing may add to that; then the run is terminated as it stands."""

MAX_COMMIT_BYTES = 16 * 1024 * 1024
"""A run whose own steps make more than this at once goes on in the next commit."""


MAX_PLAIN = 1_000
"""Questions that one round answers itself; more would hold up the others in it, and decision
services can share them."""


class Touched:
    """A run that this round changed."""

    __slots__ = ("effects", "placing", "reuse", "seen", "slot", "written")

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.written: list[Written] = []
        self.effects: list[Effect] = []
        self.seen = 0
        """Of how many effects it is known whether they are plain questions."""
        self.placing: Placing | None = None
        self.reuse: list[Kept | Dropped] | None = None


class Batch:
    """The changes of one round, by run, in the order in which the runs were first touched.

    Attributes:
        answers: for those who asked; sent when the changes are committed.
        refused: runs of which a command was refused by what is in memory.
        unfinished: runs whose own steps go on in the next round.
        ended_children: runs that were asked for again by a parent and have ended already.
        asked: the questions that have been asked already, before the commit, by `id`.
        plain: how many questions were answered here.
        kept: what its rows say of outputs that equal steps may reuse.
    """

    def __init__(self) -> None:
        self.now_us = 0
        self.touched: dict[bytes, Touched] = {}
        self.events = 0
        self.bytes = 0
        self.answers: list[Outgoing] = []
        self.refused: set[bytes] = set()
        self.unfinished: list[bytes] = []
        self.ended_children: list[bytes] = []
        self.asked: dict[int, Ask] = {}
        self.plain = 0
        self.kept: Changes = {}

    def run(self, slot: Slot, command: Command) -> Rejection | None:
        """Decide a command, apply what follows, and all that follows from that by itself or by
        questions that are plain."""
        rejection = self._run(slot, command)
        touched = self.touched.get(slot.run.id)
        if rejection is None and touched is not None and not slot.refers:
            self._answer_plain(touched)
        return rejection

    def _answer_plain(self, touched: Touched) -> None:
        """Answer the new questions that need no decision service; the others are asked."""
        slot, asked = touched.slot, touched.effects
        while touched.seen < len(asked):
            effect = asked[touched.seen]
            touched.seen += 1
            if not isinstance(effect, Ask):
                continue
            if self.plain >= MAX_PLAIN or self.bytes > MAX_COMMIT_BYTES:
                return
            plan = plain_plan(effect.ask.plan)
            values = None if plan is None else asked_values(slot.run, effect)
            if plan is None or values is None:
                continue
            record = answer(plan, slot.run.id, effect, values)
            if record is not None:
                self.plain += 1
                self._run(slot, Decided(record=record))

    def _run(self, slot: Slot, command: Command) -> Rejection | None:
        run = slot.run
        too_long = _too_long(run)
        outcome = decide(run, command, self.now_us) if too_long is None else [too_long]
        if isinstance(outcome, Rejection):
            return outcome
        while outcome:
            for event in outcome:
                self._append(slot, event)
            if not run.todo or run.closed:
                break
            if self.bytes > MAX_COMMIT_BYTES:
                self.unfinished.append(run.id)
                break
            too_long = _too_long(run)
            following = decide(run, CONTINUE, self.now_us) if too_long is None else [too_long]
            assert not isinstance(following, Rejection), "a run with a todo is open"
            outcome = following
        return None

    def _append(self, slot: Slot, event: Event) -> None:
        run = slot.run
        touched = self.touched.get(run.id)
        if touched is None:
            touched = self.touched[run.id] = Touched(slot)
        assert touched.slot is slot, "a run is held once"
        seq = run.seq + 1
        places = run.places
        before = None if places is None else standing(run, event)
        apply(run, event, seq, self.now_us)
        if run.places is not None or places is not None:
            _note_places(touched, event, places, before)
        if run.reuses is not None:
            if touched.reuse is None:
                touched.reuse = []
            touched.reuse.extend(reuse.changes(run, event))
        written = Written(seq, self.now_us, event)
        touched.written.append(written)
        touched.effects.extend(effects(run, event))
        self.events += 1
        self.bytes += len(written.data)

    def rows(self) -> Append:
        """The columns of the commit."""
        rows = Append(kept=self.kept)
        for run_id, touched in self.touched.items():
            for written in touched.written:
                rows.run_ids.append(run_id)
                rows.seqs.append(written.seq)
                rows.types.append(written.type)
                rows.instants_us.append(written.at_us)
                rows.data.append(written.data)
            slot = touched.slot
            closed = slot.run.closed
            if slot.run.line is not None:
                _note_claims(rows, touched, slot.run.line)
            if touched.placing is not None:
                touched.placing.rows(run_id, rows)
            if touched.reuse:
                whose = Whose(run_id, slot.row.namespace, slot.row.workflow)
                note(rows.kept, whose, touched.reuse, self.now_us)
            status = public_status(slot.run)
            if not slot.stored:
                slot.row.status = status if closed else "running"
                slot.row.closed_us = touched.written[-1].at_us if closed else None
                rows.started.append(slot.row)
            elif closed:
                rows.closed.append((run_id, status, touched.written[-1].at_us, slot.run.version))
            elif slot.row.closed_us is not None or slot.row.parked or slot.moved:
                rows.closed.append((run_id, "running", None, slot.run.version))
            if slot.moved:
                slot.follow_version()
        return rows


def _note_claims(rows: Append, touched: Touched, line: Line) -> None:
    """What a commit means for the claim of a run that stands in a line."""
    run = touched.slot.run
    if run.closed:
        rows.left.append(run.id)
        return
    for written in touched.written:
        if isinstance(written.event, RunQueued):
            at = (touched.slot.row.namespace, line.name, line.key)
            rows.claimed.append((run.id, *at, line.limit, line.since_us))
        elif isinstance(written.event, RunAdmitted):
            rows.settled.append(run.id)


def _note_places(
    touched: Touched, event: Event, places: dict[str, Place] | None, before: Place | None
) -> None:
    """What an event means for the places of the run's steps; `places`: those before it."""
    slot = touched.slot
    if touched.placing is None:
        touched.placing = Placing(slot.row.namespace, slot.row.workflow)
    if slot.run.closed:
        touched.placing.closed(places or {})
    else:
        touched.placing.note(slot.run, event, before)


def lines_moved(touched: Touched) -> Iterator[LineKey]:
    """The lines in which a commit has freed a place, or asked for one."""
    run = touched.slot.run
    line = run.line
    if line is not None and (run.closed or run.queued):
        yield LineKey(touched.slot.row.namespace, line.name, line.key)
    if touched.placing is not None:
        yield from touched.placing.lines


def _too_long(run: Run) -> Event | None:
    """What becomes of a run with too many events, or None."""
    if run.seq < MAX_EVENTS_PER_RUN or run.closed:
        return None
    text = f"expected a run of at most {MAX_EVENTS_PER_RUN} events, but it has {run.seq}"
    failure = Failure(type=FailureType.LIMIT_REACHED, message=text, retryable=False)
    settled = run.rollback is not None and run.rollback.failing is not None
    if not run.failing and not settled:
        return RunFailing(ending="failed", failure=failure)
    if run.seq >= MAX_EVENTS_PER_RUN + MAX_EVENTS_OF_ENDING:
        return RunTerminated(failure=failure)
    return None
