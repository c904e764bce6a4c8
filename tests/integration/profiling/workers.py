"""A worker that does nothing, for as long as it is told, one after the other."""

from __future__ import annotations

from stretto import Worker
from stretto.bench.fleets.handlers import pass_time

narrow = Worker(queue="dock", slots=1)
narrow.task("dock")(pass_time)
