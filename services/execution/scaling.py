"""Says every second how many workers each queue wants: as a metric, and on the bus.

Each instance speaks for the lanes that it works on: whoever scales adds up what the instances say.
"""

from collections.abc import Sequence

from services.execution.core.roster import Roster
from services.execution.core.scaling import Advisor, Load
from services.execution.lane import Lane
from services.execution.settings import ExecutionSettings
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.contracts.scaling import Scaling, whole_workers
from stretto.runtime.context import ServiceContext
from stretto.runtime.errors import TransientError
from stretto.telemetry import names
from stretto.telemetry.metrics import Gauge

EVERY_S = 1.0

MAX_QUEUES = 500
"""Queues that are advised: each is a message a second and a series of metrics."""

US = 1e6


class Scaler:
    """See the module's docstring; `run` until cancelled."""

    def __init__(
        self, context: ServiceContext[ExecutionSettings], roster: Roster, lanes: Sequence[Lane]
    ) -> None:
        self._context = context
        self._roster = roster
        self._lanes = lanes
        self._advisors: dict[tuple[str, str], Advisor] = {}
        self._gauges: dict[tuple[str, str], Gauge] = {}
        self.shares: dict[tuple[str, str], float] = {}
        """What was said last, by namespace and queue."""

    async def run(self) -> None:
        """Look and speak until cancelled."""
        connection = self._context.connection
        while True:
            await self._context.clock.sleep(EVERY_S)
            if any(lane.desk is not None for lane in self._lanes) and connection.is_connected:
                for place, advice in self.look().items():
                    try:
                        await connection.publish(subjects.scaling(*place), json_encode(advice))
                    except TransientError:
                        break  # the connection went: said again in a second

    def look(self) -> dict[tuple[str, str], Scaling]:
        """What every queue wants now; takes note of it, so call it in the order of time."""
        now_us = self._context.clock.now_us()
        said: dict[tuple[str, str], Scaling] = {}
        for place, load in self._loads().items():
            advisor = self._advisors.get(place)
            if advisor is None:
                if len(self._advisors) >= MAX_QUEUES:
                    continue
                settings = self._context.settings
                advisor = Advisor(settings.scale_target_s, settings.scale_down_after_s)
                self._advisors[place] = advisor
                self._gauges[place] = self._context.metrics.gauge(
                    names.METRIC_SCALING_WANTED, namespace=place[0], queue=place[1]
                )
            share = advisor.advise(load, now_us)
            wanted = whole_workers((share,))
            self._gauges[place].set(wanted)
            self.shares[place] = share
            said[place] = Scaling(
                instance=self._context.instance,
                wanted=wanted,
                share=round(share, 6),
                waiting=load.waiting,
                in_flight=load.out,
                workers=load.workers,
                slots=load.slots,
                busy=self._roster.busy(*place),
                mean_ms=round(load.mean_s * 1000, 3),
                wait_ms=_wait_ms(load),
            )
        return said

    def _loads(self) -> dict[tuple[str, str], Load]:
        """All queues that there is something for, somebody serves, or was advised before."""
        found = dict.fromkeys([*self._advisors, *self._roster.queues], Load())
        desks = [lane.desk for lane in self._lanes if lane.desk is not None]
        for line in (line for desk in desks for line in desk.core.lines):
            place = (line.namespace, line.queue)
            before = found.get(place, Load())
            found[place] = Load(
                waiting=before.waiting + line.waiting,
                out=before.out + line.out,
                mean_s=max(before.mean_s, line.mean_us / US),
            )
        for place, load in found.items():
            crew = self._roster.crew(*place)
            found[place] = load._replace(workers=crew.workers, slots=crew.slots)
        return found


def _wait_ms(load: Load) -> float | None:
    """How long an attempt that comes now would wait, with the workers there are; None: nobody."""
    if not load.slots:
        return None
    before = max(0, load.waiting + load.out - load.slots + 1)
    return round(before * load.mean_s / load.slots * 1000, 3)
