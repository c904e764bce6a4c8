"""Who we are on the bus, as the environment of a client or a service says it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from stretto.bus.connection import connect
from stretto.bus.credentials import (
    CREDS_VARIABLE,
    PASSWORD_VARIABLE,
    USER_VARIABLE,
    credentials_of,
)
from stretto.client import Client
from stretto.runtime.errors import PermanentError
from stretto.testkit.servers import NatsServer

from .signing import believing


@asynccontextmanager
async def serving(folder: Path, config: str) -> AsyncIterator[str]:
    """A server with some configuration, at its address without a user."""
    server = NatsServer(folder / "nats", config=config)
    await server.start()
    try:
        yield server.url
    finally:
        await server.stop()


async def test_a_file_of_credentials_opens_a_bus_that_believes_signatures(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, creds = believing(data_dir)
    async with serving(data_dir, config) as url:
        with pytest.raises(PermanentError, match="to accept our credentials"):
            await Client.connect(url)
        monkeypatch.setenv(CREDS_VARIABLE, str(creds))
        async with Client.connect(url) as client:
            await client.connection.flush()
        given = credentials_of(
            user=None, password=None, creds=str(creds), ca=None, cert=None, key=None
        )
        async with await connect(url, "service", credentials=given) as connection:
            await connection.flush()


async def test_user_and_password_of_the_environment_are_used_unless_the_url_has_them(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = 'authorization { users: [ { user: "ada", password: "a b" } ] }'
    async with serving(data_dir, users) as url:
        monkeypatch.setenv(USER_VARIABLE, "ada")
        monkeypatch.setenv(PASSWORD_VARIABLE, "a b")
        async with Client.connect(url) as client:
            await client.connection.flush()
        monkeypatch.setenv(USER_VARIABLE, "eve")
        async with Client.connect(url.replace("//", "//ada:a%20b@")) as client:
            await client.connection.flush()
        with pytest.raises(PermanentError, match="to accept our credentials"):
            await Client.connect(url)
