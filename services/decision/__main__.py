"""`python -m services.decision`: the decision service."""

import asyncio
import sys
from functools import partial

from services.decision.answering import Answering
from services.decision.ranking import Ranking
from services.decision.settings import DecisionSettings
from stretto.expression.functions.plugins import load_functions_or_exit
from stretto.runtime.service import ServiceContext, run_service
from stretto.runtime.settings import settings_or_exit
from stretto.scoring import Scorer, load_scorer_or_exit


async def main(context: ServiceContext[DecisionSettings], scorer: Scorer | None = None) -> None:
    """Answer asks until the service is told to stop."""
    ranking = Ranking(context, scorer)
    operations = {"rank": ranking.rank, "learned": ranking.learned}
    answering = Answering(context, operations, ranking.devices)
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(ranking.run())
        await answering.run()
        listening.cancel()


if __name__ == "__main__":
    settings = settings_or_exit(DecisionSettings)
    load_functions_or_exit(settings.functions)
    scorer = load_scorer_or_exit(settings.decision_scorer)
    sys.exit(run_service("decision", settings, partial(main, scorer=scorer)))
