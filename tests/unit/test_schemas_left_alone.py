"""Services that are told so leave their schemas alone: migrations are run by somebody else."""

from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

from services.monitoring import service as monitoring
from services.workflow import service as workflow


class Opened(Exception):
    """The database is opened: what comes before it is over."""


@pytest.mark.parametrize("service", [workflow, monitoring], ids=["workflow", "monitoring"])
async def test_a_service_leaves_the_schema_alone_where_it_is_told_to(
    service: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SimpleNamespace(postgres_dsn="dsn", migrate=False, nice=0)

    async def never(*_: object) -> None:
        raise AssertionError("migrations are somebody else's here")

    async def opened(*_: object, **__: object) -> None:
        raise Opened

    async def wait_for(_what: str, ready: Any) -> Any:
        return await ready()

    monkeypatch.setattr(service, "migrate", never)
    monkeypatch.setattr(service.Database, "open", opened)
    monkeypatch.setattr(service, "stand_back", lambda _nice: None, raising=False)
    with pytest.raises(Opened):
        await service.main(cast(Any, SimpleNamespace(settings=settings, wait_for=wait_for)))
