"""One round, decided: load what is not in memory, carry out each command, remember the answers."""

import logging
from collections.abc import Callable

from services.workflow import answers
from services.workflow.batch import Batch
from services.workflow.core import CONTINUE, Rejection
from services.workflow.core.commands import (
    RUN_MARK,
    Continue,
    Control,
    Granted,
    Migrate,
    Start,
    TimerFired,
    may_reopen,
)
from services.workflow.faults import FAULTS, Spoiled
from services.workflow.forks import carried
from services.workflow.inbox import Addressed, Item
from services.workflow.loading import Loader, unknown_run
from services.workflow.migrations import Migrations
from services.workflow.slots import Slot, new_row
from services.workflow.starts import Existing, Starts
from stretto.contracts.frames import StartRecord
from stretto.contracts.payload import REFERENCE_MARK
from stretto.runtime.clock import Clock
from stretto.telemetry.metrics import Metrics
from stretto.telemetry.names import (
    LOG_COMMAND,
    LOG_REASON,
    LOG_RUN_ID,
    LOG_SUBJECT,
    METRIC_WORKFLOW_FAULTS,
    METRIC_WORKFLOW_REJECTIONS,
)

logger = logging.getLogger(__name__)

_QUIET = frozenset({"timer_stale", "decision_not_open", "not_queued", "seeking_not_open"})
"""Rejections that are ordinary: a timer that was overtaken, an ask that was made twice, a grant
or a find that was told again."""


class Deciding:
    """Carries out the items of one round on the runs in memory; commits nothing."""

    def __init__(
        self,
        *,
        loader: Loader,
        starts: Starts,
        migrations: Migrations,
        clock: Clock,
        metrics: Metrics,
        partitions: int,
        loaded: Callable[[list[Slot]], None],
    ) -> None:
        self._loader = loader
        self._starts = starts
        self._migrations = migrations
        self._clock = clock
        self._partitions = partitions
        self._loaded = loaded
        self._rejected = metrics.counter(METRIC_WORKFLOW_REJECTIONS)
        self._faults = metrics.counter(METRIC_WORKFLOW_FAULTS)

    async def decide(self, batch: Batch, items: list[Item], *, alone: bool | None = None) -> None:
        """Load what is not in memory and decide everything, at the instant of the batch.

        `alone`: whether the batch is of one item only; as many as `items` if it is not said.

        Raises Spoiled when a run meets a fault among other items: decide them singly. Raises what
        the log raises. Then nothing in memory of `batch.touched` may be believed.
        """
        loader = self._loader
        self._loaded(await loader.load({i.run_id for i in items if _wants_its_run(i)}))
        asked = [i for i in items if isinstance(i, Addressed) and isinstance(i.command, Control)]
        reopening = [i for i in asked if may_reopen(i.command)]
        for each in reopening:
            await loader.load_closed(each.run_id)
        for each in asked:
            await self._migrations.prepare(each, loader)
        starts = [item for item in items if isinstance(item, StartRecord)]
        prepared = await self._starts.prepare(starts, loader) if starts else {}
        batch.now_us = batch.now_us or self._clock.now_us()
        alone = len(items) == 1 if alone is None else alone
        for item in items:
            if isinstance(item, Addressed):
                self._command(batch, item, alone=alone)
            else:
                self._start(batch, item, prepared[id(item)], alone=alone)
        for each in reopening:
            loader.drop_if_closed(each.run_id)

    def _command(self, batch: Batch, item: Addressed, *, alone: bool) -> None:
        slot = self._loader.slots.get(item.run_id)
        if slot is None:
            if _wants_its_run(item):
                self._refuse(batch, item, self._loader.why_absent(item.run_id))
            return  # the timer of a run that is parked, closed or another's
        if isinstance(item.command, Migrate) and item.command.graph is not None:
            slot.run.graphs = {
                **(slot.run.graphs or {}),
                item.command.graph.version: item.command.graph,
            }
        if isinstance(item.command, Control | Migrate):
            if item.namespace != slot.row.namespace:
                self._refuse(batch, item, unknown_run(item.run_id))
                return
        else:
            item.namespace = slot.row.namespace
        if item.refers:
            slot.refers = True
        rejection = self._carry_out(batch, slot, item, alone=alone)
        if rejection is None:
            batch.answers += answers.controlled(item)
        elif not isinstance(item.command, TimerFired | Continue):
            batch.refused.add(item.run_id)
            self._refuse(batch, item, rejection)

    def _carry_out(
        self, batch: Batch, slot: Slot, item: Addressed, *, alone: bool
    ) -> Rejection | None:
        try:
            return batch.run(slot, item.command)
        except FAULTS:
            self._at_fault(slot, type(item.command).__name__, alone=alone)
            batch.touched.pop(slot.run.id, None)
            return self._loader.why_absent(slot.run.id)

    def _at_fault(self, slot: Slot, what: str, *, alone: bool) -> None:
        """A bug of ours, met by one run: it is set aside as it stands in the log, the others go
        on. What was decided with it is decided again, without it."""
        if not alone:
            raise Spoiled(slot.text)
        self._faults.add()
        logger.exception("run at fault", extra={LOG_RUN_ID: slot.text, LOG_COMMAND: what})
        self._loader.set_aside(slot)

    def _start(
        self,
        batch: Batch,
        item: StartRecord,
        prepared: Start | Rejection | Existing,
        *,
        alone: bool,
    ) -> None:
        if isinstance(prepared, Rejection):
            self._refuse(batch, item, prepared)
            return
        if isinstance(prepared, Existing):
            batch.answers += answers.started(item, prepared.run_id, prepared.version, existing=True)
            if item.parent is not None and self._loader.has_ended(item.run_id):
                batch.ended_children.append(item.run_id)
            return
        graph = self._starts.graph(item)
        row = new_row(item.run_id, item.namespace, item.workflow, graph.version, batch.now_us)
        row.caller_id = item.id
        slot = self._loader.new(graph, row)
        slot.refers = REFERENCE_MARK in prepared.input or (
            prepared.fork is not None and REFERENCE_MARK in carried(prepared.fork)
        )
        try:
            rejection = batch.run(slot, prepared)
            assert rejection is None, "a run that is new can be started"
        except FAULTS:
            self._loader.forget(slot.run.id)
            self._at_fault(slot, "Start", alone=alone)
            batch.touched.pop(slot.run.id, None)
            self._refuse(batch, item, self._loader.why_absent(slot.run.id))
            return
        batch.answers += answers.started(item, item.run_id, graph.version, existing=False)

    def _refuse(self, batch: Batch, item: Item, rejection: Rejection) -> None:
        self._rejected.add()
        if rejection.code in _QUIET or _has_what_it_wants(item, rejection):
            return
        batch.answers += answers.refused(item, rejection, self._partitions)
        logger.info(
            "request refused", extra={LOG_SUBJECT: answers.origin(item), LOG_REASON: rejection.code}
        )


def _has_what_it_wants(item: Item, rejection: Rejection) -> bool:
    """Whether a run that has ended is cancelled by another run (several that make room for
    themselves, or a parent and the child itself, meet), or gets a place, which its end gave back.
    Nobody is told of it, unless somebody waits for an answer."""
    if rejection.code != "run_closed" or item.reply is not None or isinstance(item, StartRecord):
        return False
    if not isinstance(item.command, Control):
        return isinstance(item.command, Granted)
    request = item.command.request
    return request.command == "cancel" and (request.by or "").startswith(RUN_MARK)


def _wants_its_run(item: Item) -> bool:
    """Whether the run is looked for in the log: a timer is of a run in memory, or of nobody's."""
    return isinstance(item, Addressed) and not isinstance(item.command, TimerFired | Continue)


def go_on(run_id: bytes) -> Addressed:
    """Let a run whose own steps were put off go on."""
    return Addressed(run_id, CONTINUE)
