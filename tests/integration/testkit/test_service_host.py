"""A service that is hosted by a test."""

import asyncio

import pytest

from stretto.runtime.context import ServiceContext
from stretto.runtime.settings import ServiceSettings
from stretto.testkit import service_host
from stretto.testkit.service_host import hosted


async def test_a_service_that_does_not_stop_is_shown_where_it_hangs(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_host, "STOP_TIMEOUT_S", 0.05)
    enough = asyncio.Event()

    async def stubborn_main(context: ServiceContext[ServiceSettings]) -> None:
        await context.started()
        await enough.wait()

    async with hosted("decision", ServiceSettings(nats_url=nats_url), stubborn_main) as host:
        await host.ready()
        with pytest.raises(AssertionError, match="stubborn_main"):
            await host.stop()
        enough.set()
