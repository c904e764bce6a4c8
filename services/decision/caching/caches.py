"""The caches of one instance, put together, and what they count."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from services.decision.caching.engine import engine_digest
from services.decision.caching.outbox import Outbox
from services.decision.caching.results import Results
from services.decision.caching.shared_matches import SharedMatches
from services.decision.settings import DecisionSettings
from stretto.cache import SharedCache, observe_cache
from stretto.runtime.context import ServiceContext
from stretto.telemetry import names
from stretto.telemetry.metrics import Metrics

PURPOSE = "decision:1"
"""Of the keys in Redis, with the version of what they hold."""

HEALTH_NAME = "redis"
MEGABYTE = 1_000_000


class Caches:
    """What an instance keeps beside compiled plans.

    Attributes:
        results: of dear plans; None: switched off.
        shared: Redis; None: there is none.
        matches: of routes, in Redis; None: there is none.
    """

    def __init__(
        self,
        results: Results | None,
        shared: SharedCache | None = None,
        matches: SharedMatches | None = None,
    ) -> None:
        self.results = results
        self.shared = shared
        self.matches = matches

    def observe(self, metrics: Metrics) -> None:
        """Show what they count."""
        if self.shared is not None:
            self.shared.observe(metrics)
        results = self.results
        if results is None:
            return
        observe_cache(metrics, "results", results.counts)
        metrics.gauge(names.METRIC_DECISION_DEAR_PLANS).follow(lambda: results.dear)

    def report(self) -> dict[str, Any]:
        """Their part of `stretto.api.decision.stats`."""
        told: dict[str, Any] = {}
        if self.results is not None:
            counts = self.results.counts()
            told["results"] = {
                **counts._asdict(),
                "hit_rate": counts.hit_rate,
                "dear_plans": self.results.dear,
            }
        if self.shared is not None:
            told["redis"] = {
                "up": self.shared.is_up,
                "why_away": self.shared.why_away,
                **asdict(self.shared.counts),
            }
        return told


@asynccontextmanager
async def open_caches(context: ServiceContext[DecisionSettings]) -> AsyncIterator[Caches]:
    """Open what the settings say; closed at the end of the block."""
    settings = context.settings
    shared = outbox = matches = None
    engine = b""
    if settings.redis_url is not None:
        shared = SharedCache(settings.redis_url, PURPOSE)
        outbox = Outbox(shared)
        engine = engine_digest()
        matches = SharedMatches(outbox, engine)
        context.health.optional(HEALTH_NAME, lambda: shared.why_away)
    results = None
    if settings.decision_cache_mb:
        results = Results(settings.decision_cache_mb * MEGABYTE, engine, outbox)
    caches = Caches(results, shared, matches)
    caches.observe(context.metrics)
    async with asyncio.TaskGroup() as group:
        beside = []
        if shared is not None and outbox is not None:
            beside = [group.create_task(shared.run()), group.create_task(outbox.run())]
        try:
            yield caches
        finally:
            for task in beside:
                task.cancel()
