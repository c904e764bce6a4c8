"""The execution service: its lanes, and what listens and answers beside them."""

import asyncio

from services.execution.answers import Answers
from services.execution.core.roster import Roster
from services.execution.core.shares import Shares
from services.execution.lane import Lane
from services.execution.measures import Measures
from services.execution.parts import Parts
from services.execution.presence import Listener
from services.execution.scaling import Scaler
from services.execution.settings import ExecutionSettings
from services.execution.sharing import Sharing
from stretto.bus.service import Service
from stretto.contracts.subjects import STREAM_RESULTS, STREAM_WORK
from stretto.runtime.context import ServiceContext
from stretto.runtime.ending import ended

LOOK_S = 0.1


class Execution:
    """One instance."""

    def __init__(self, context: ServiceContext[ExecutionSettings]) -> None:
        self.context = context
        self.roster = roster = Roster()
        measures = Measures(context.metrics)
        self.lanes = [
            Lane(context, number, roster, measures) for number in range(context.settings.lanes)
        ]
        self._listener = Listener(context, roster, self.lanes, measures)
        self._scaler = Scaler(context, roster, self.lanes)
        shares = Shares(context.instance, context.settings.lanes)
        self._sharing = Sharing(context, self.lanes, shares)
        self._parts = Parts(
            context.instance,
            context.connection,
            roster,
            self.lanes,
            self._scaler.shares,
            hear=lambda instance, lanes: shares.hear(instance, lanes, context.clock.now_us()),
        )
        self.answers = Answers(context.instance, roster, self._parts, context.clock)

    async def run(self) -> None:
        """Work until the service is told to stop."""
        context = self.context
        context.on_store_lost(self._store_lost)
        await context.started()
        async with asyncio.TaskGroup() as group:
            beside = [
                group.create_task(self._listener.run()),
                group.create_task(self._answer_while_active()),
                group.create_task(self._scaler.run()),
                group.create_task(self._parts.run()),
            ]
            if len(self.lanes) > 1:
                beside.append(group.create_task(self._sharing.run()))
            async with asyncio.TaskGroup() as lanes:
                for lane in self.lanes:
                    lanes.create_task(lane.run())
            await ended(beside)

    async def _store_lost(self, streams: list[str]) -> None:
        for desk in (lane.desk for lane in self.lanes if lane.desk is not None):
            if STREAM_RESULTS in streams:
                desk.results_lost()
            if STREAM_WORK in streams:
                desk.store_lost()

    async def _answer_while_active(self) -> None:
        """Answer questions only while a lane is ours: who stands by knows nothing."""
        while True:
            while not self._active:
                await self.context.clock.sleep(LOOK_S)
            service = Service(self.context.connection, "execution", self.answers.operations)
            async with asyncio.TaskGroup() as group:
                answering = group.create_task(service.run())
                while self._active:
                    await self.context.clock.sleep(LOOK_S)
                await ended([answering])

    @property
    def _active(self) -> bool:
        return any(lane.desk is not None for lane in self.lanes)
