"""A service in this process, on real servers, ended by a real signal."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from stretto.runtime.context import ServiceContext
from stretto.runtime.service import serve
from stretto.runtime.settings import ServiceSettings, read_settings

DEADLINE_S = 20.0


@dataclass
class Running:
    """A service under test: `context` is known once its main has begun."""

    task: asyncio.Task[int]
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    contexts: list[ServiceContext[ServiceSettings]] = field(default_factory=list)

    @property
    def context(self) -> ServiceContext[ServiceSettings]:
        return self.contexts[0]

    def signal(self, number: int = signal.SIGTERM) -> None:
        os.kill(os.getpid(), number)

    async def exit_code(self) -> int:
        async with asyncio.timeout(DEADLINE_S):
            return await self.task


Body = Callable[[ServiceContext[ServiceSettings]], Awaitable[None]]
Start = Callable[..., Running]


@pytest.fixture
def start(nats_url: str) -> Start:
    """Give a function that runs a service with a body, in an account of its own."""

    def run(body: Body | None = None, **settings: object) -> Running:
        running: Running

        async def main(context: ServiceContext[ServiceSettings]) -> None:
            running.contexts.append(context)
            await (body or until_stopped)(context)

        async def until_stopped(context: ServiceContext[ServiceSettings]) -> None:
            await context.started()
            running.begun.set()
            await context.stopping.wait()

        given = {"nats_url": nats_url, "stats_interval_s": 0.1, **settings}
        read = read_settings(ServiceSettings, **given)
        running = Running(asyncio.ensure_future(serve("decision", "decision-1", read, main)))
        return running

    return run
