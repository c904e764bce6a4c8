"""The decision service: its loop over questions, and the ranking beside it."""

import asyncio

from services.decision.answering import Answering
from services.decision.ranking import Ranking
from services.decision.settings import DecisionSettings
from stretto.runtime.context import ServiceContext
from stretto.runtime.ending import ended
from stretto.scoring import Scorer


async def main(context: ServiceContext[DecisionSettings], scorer: Scorer | None = None) -> None:
    """Answer asks until the service is told to stop."""
    ranking = Ranking(context, scorer)
    operations = {"rank": ranking.rank, "learned": ranking.learned}
    answering = Answering(context, operations, ranking.devices)
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(ranking.run())
        await answering.run()
        await ended([listening])
