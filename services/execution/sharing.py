"""Spreads the lanes over the instances: says which are ours, and gives one away when it is time.

A lane goes from one to the other without loss: the old one takes no more, lets end what it runs
itself, waits until what it has sent is stored, and only then lets the server pin another instance.
That one reads the work stream and the results that are there, asks for what is open, and goes on.
"""

from collections.abc import Sequence

from services.execution.core.shares import Shares
from services.execution.lane import Lane
from services.execution.settings import ExecutionSettings
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.runtime.context import ServiceContext
from stretto.runtime.errors import TransientError

SAY_S = 1.0


class Sharing:
    """See the module's docstring; `run` until cancelled."""

    def __init__(
        self, context: ServiceContext[ExecutionSettings], lanes: Sequence[Lane], shares: Shares
    ) -> None:
        self._context = context
        self._lanes = lanes
        self._shares = shares

    async def run(self) -> None:
        """Say what is ours, and look whether to give, until cancelled."""
        connection, clock = self._context.connection, self._context.clock
        while True:
            await clock.sleep(SAY_S)
            if not connection.is_connected:
                continue
            ours = [lane.number for lane in self._lanes if lane.desk is not None]
            said = json_encode({"here": self._context.instance, "lanes": ours})
            try:
                await connection.publish(subjects.PARTS, said)
            except TransientError:
                continue  # the connection went: said again in a second
            if self._shares.gives(ours, clock.now_us()):
                self._give()

    def _give(self) -> None:
        """Give the last lane away in which no task of the service itself runs: that would be begun
        anew elsewhere."""
        for lane in reversed(self._lanes):
            if lane.desk is not None and not lane.desk.counts.own:
                lane.give()
                return
