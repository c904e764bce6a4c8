"""The decision service: its loop over questions, and the ranking beside it."""

import asyncio

from services.decision.answering import Answering
from services.decision.caching.caches import open_caches
from services.decision.ranking import Ranking
from services.decision.settings import DecisionSettings
from stretto.runtime.context import ServiceContext
from stretto.runtime.ending import ended
from stretto.scoring import Scorers


async def main(context: ServiceContext[DecisionSettings], scorers: Scorers | None = None) -> None:
    """Answer asks until the service is told to stop."""
    async with open_caches(context) as caches, asyncio.TaskGroup() as group:
        ranking = Ranking(context, scorers, caches.matches)
        operations = {"rank": ranking.rank, "learned": ranking.learned}
        answering = Answering(context, operations, ranking.devices, caches)
        listening = group.create_task(ranking.run())
        await answering.run()
        await ended([listening])
