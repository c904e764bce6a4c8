"""The sweep of law 7: what should have come long ago is asked for again.

The sweep looks at every run in memory. An ask that nobody answered for a while is asked again, an
attempt that is out for long is dispatched again (execution knows it and does nothing, or has lost
it and sends it), and a run that waits for nothing is reported: a fault of ours.
"""

import asyncio
import logging

from services.workflow.core.state import Run
from services.workflow.core.statuses import OUT, NodeStatus, RunPhase
from services.workflow.engine import Engine
from services.workflow.sending import Sender
from services.workflow.slots import Slot
from stretto.contracts.public import Alert
from stretto.runtime.clock import Clock, rfc3339
from stretto.telemetry.metrics import Metrics
from stretto.telemetry.names import LOG_RUN_ID, METRIC_WORKFLOW_CAUSELESS, METRIC_WORKFLOW_SWEPT

logger = logging.getLogger(__name__)

SWEEP_S = 5.0
ASK_OVERDUE_S = 5.0
"""A decision takes milliseconds; after so long the ask or its answer was lost."""

ATTEMPT_OVERDUE_S = 20.0
"""How often an attempt that is out is put to execution again."""

STALLED_S = 10.0
"""What a run can do by itself is done in the round that made it possible, or in the next."""

_ASKED = (NodeStatus.DECIDING, NodeStatus.SEEKING)

TROUBLE_S = 1.0
"""After a publication failed the bus has so long to come back."""

MAX_SWEPT_AT_ONCE = 2_000
"""Runs whose effects one sweep makes again: it must not crowd out the work of the others."""

MAX_REPORTED = 10
"""Runs without a cause that one sweep names."""

MAX_ALERTED = 10_000
"""Runs of which it is remembered that they were reported; then they are reported once more."""

SWEEP_SLICE = 2_000
"""Runs looked at in one go before others have a turn: some milliseconds."""


class Sweep:
    """Finds overdue causes and makes their effects again."""

    def __init__(self, engine: Engine, sender: Sender, clock: Clock, metrics: Metrics) -> None:
        self._engine = engine
        self._sender = sender
        self._clock = clock
        self._again = metrics.counter(METRIC_WORKFLOW_SWEPT)
        self._causeless = metrics.gauge(METRIC_WORKFLOW_CAUSELESS)
        self._alerted: set[tuple[bytes, int]] = set()

    async def run(self) -> None:
        """Sweep every few seconds, for ever; at once when a publication failed."""
        while True:
            try:
                async with asyncio.timeout(SWEEP_S):
                    await self._sender.must_resend.wait()
            except TimeoutError:
                await self.sweep()
            else:
                await self._clock.sleep(TROUBLE_S)
                self._sender.must_resend.clear()
                await self._engine.repair()
                await self._engine.resend(self._engine.loader.slots.values())

    async def sweep(self) -> int:
        """Make the effects of overdue causes again; how many runs."""
        now_us = self._clock.now_us()
        overdue: list[Slot] = []
        causeless = 0
        for index, slot in enumerate(list(self._engine.loader.slots.values())):
            if index % SWEEP_SLICE == SWEEP_SLICE - 1:
                await asyncio.sleep(0)
            if not has_cause(slot.run) or is_stalled(slot.run, now_us):
                causeless += 1
                if causeless <= MAX_REPORTED:
                    await self._report(slot, now_us)
            elif is_overdue(slot, now_us) and len(overdue) < MAX_SWEPT_AT_ONCE:
                slot.swept_us = now_us
                overdue.append(slot)
        self._causeless.set(causeless)
        if overdue:
            self._again.add(len(overdue))
            await self._engine.resend(overdue)
        return len(overdue)

    async def _report(self, slot: Slot, now_us: int) -> None:
        """Say that a run waits for nothing: in the log at every sweep, as an alert once."""
        logger.error("run without a cause", extra={LOG_RUN_ID: slot.text})
        key = (slot.run.id, slot.run.seq)
        if key in self._alerted:
            return
        if len(self._alerted) >= MAX_ALERTED:
            self._alerted.clear()
        self._alerted.add(key)
        alert = Alert(
            code="run_without_cause",
            message=f"Run {slot.text} of {slot.run.workflow!r} is open and waits for nothing: a "
            "fault of ours. Please report it with `stretto history`.",
            at=rfc3339(now_us),
            run_id=slot.text,
            workflow=slot.run.workflow,
        )
        await self._sender.alert(slot.row.namespace, alert, f"{slot.text}-{slot.run.seq}-causeless")


def has_cause(run: Run) -> bool:
    """Whether an open run waits for something, or goes on by itself."""
    held_back = run.paused or run.queued
    return bool(run.closed or held_back or run.open or run.todo) or run.phase is RunPhase.FINISHING


def is_stalled(run: Run, now_us: int) -> bool:
    """Whether a run could go on by itself, and has not for a while."""
    held_back = run.paused or run.queued or run.rollback is not None
    return bool(run.todo) and not held_back and now_us - run.touched_us > STALLED_S * 1e6


def is_overdue(slot: Slot, now_us: int) -> bool:
    """Whether something that should have come long ago has not."""
    run = slot.run
    if run.phase is RunPhase.FINISHING:
        return _waited_s(slot, run.touched_us, now_us) > ASK_OVERDUE_S
    if run.queued and run.line is not None and run.line.cancels:
        return _waited_s(slot, run.touched_us, now_us) > ATTEMPT_OVERDUE_S
    for node in run.open.values():
        waited_s = _waited_s(slot, node.since_us, now_us)
        if node.status in _ASKED and waited_s > ASK_OVERDUE_S:
            return True
        if node.status in OUT and waited_s > ATTEMPT_OVERDUE_S:
            return True
    return False


def _waited_s(slot: Slot, since_us: int, now_us: int) -> float:
    """How long ago something began, or was looked after. What is still to come was written before
    the clock was set back, or by an instance whose clock is ahead: nobody knows how long it is."""
    swept_us = slot.swept_us
    last_us = max(since_us if since_us <= now_us else 0, swept_us if swept_us <= now_us else 0)
    return (now_us - last_us) / 1e6
