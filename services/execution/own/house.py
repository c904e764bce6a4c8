"""Runs attempts of `std.*` tasks in this service, as a worker would run them."""

import asyncio
from collections.abc import Mapping

from services.execution.core.attempt import Attempt
from stretto.contracts.codec import decode_task
from stretto.contracts.public import Progress
from stretto.runtime.clock import Clock
from stretto.telemetry.tracing import Tracer
from stretto.worker.handler import Handler
from stretto.worker.ledger import Delivery, Ledger
from stretto.worker.outbox import Outbox
from stretto.worker.pools import Pools
from stretto.worker.runner import WITHDRAWN, WORKER_ENDS, Runner

SLOTS = 10_000
"""Attempts at once: nearly all of them sleep, which costs some kilobytes each."""


class House:
    """A worker without a queue: attempts come from admission, results go to the outbox.

    Args:
        name: what results call it.
        group: where attempts that wait run.
    """

    def __init__(
        self,
        *,
        name: str,
        handlers: Mapping[str, Handler],
        outbox: Outbox,
        clock: Clock,
        tracer: Tracer,
        group: asyncio.TaskGroup,
    ) -> None:
        self._ledger = Ledger()
        self._outbox = outbox
        self._pools = Pools(1)  # none of the handlers needs any
        self._quiet = asyncio.Event()
        self._runner = Runner(
            worker=name,
            slots=SLOTS,
            handlers=handlers,
            ledger=self._ledger,
            outbox=outbox,
            pools=self._pools,
            clock=clock,
            tracer=tracer,
            send_progress=_nobody_asks,
            group=group,
            freed=self._freed,
        )

    def run(self, attempts: list[Attempt]) -> None:
        """Run attempts, those above `SLOTS` when there is room. One that is here already goes on;
        of one that has ended here the result is given again."""
        for attempt in attempts:
            if self._ledger.holds(attempt.id):
                continue
            task = decode_task(attempt.payload)
            for reply, result in self._ledger.take(Delivery(None), [task]):
                self._outbox.add(reply, result)
        self._runner.fill()

    def stop(self, ids: list[str]) -> None:
        """Stop attempts that nobody wants."""
        for runner in self._ledger.withdraw(ids):
            runner.stop(WITHDRAWN)

    def stored(self, ids: list[str]) -> None:
        """Note that results are safe; called by the outbox."""
        self._ledger.stored(ids)

    async def end(self, patience_s: float) -> None:
        """Let what runs end for so long, then give it up: it is run again after the restart."""
        try:
            async with asyncio.timeout(patience_s):
                while self._ledger.running:
                    self._quiet.clear()
                    await self._quiet.wait()
        except TimeoutError:
            self._ledger.close()
            self._runner.stop_all(WORKER_ENDS)

    def _freed(self) -> None:
        if not self._ledger.running:
            self._quiet.set()


def _nobody_asks(_progress: Progress) -> None:
    """We watch the heartbeats of workers, not our own."""
