"""An embedded server finds a port, also when somebody is faster."""

from typing import Any

import pytest

from stretto.dev import servers
from stretto.dev.servers import _started
from stretto.testkit.servers import ServerFailed


class Attempt:
    """A server that starts on any port but those that are taken."""

    def __init__(self, port: int | None, taken: set[int | None]) -> None:
        self.port = port
        self.taken = taken

    async def start(self) -> None:
        if self.port in self.taken:
            raise ServerFailed("testkit.start_failed", "expected a free port, but it is taken")


async def test_a_port_that_was_taken_after_the_look_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(servers, "port_near", lambda usual, before: usual)
    monkeypatch.setattr(servers, "is_free", lambda port: False)
    make: Any = lambda port: Attempt(port, {4222})  # noqa: E731 - a factory of one line
    started: Any = await _started(make, 4222)
    assert started.port is None


async def test_a_server_that_fails_on_a_free_port_has_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(servers, "port_near", lambda usual, before: usual)
    monkeypatch.setattr(servers, "is_free", lambda port: True)
    make: Any = lambda port: Attempt(port, {4222})  # noqa: E731 - a factory of one line
    with pytest.raises(ServerFailed):
        await _started(make, 4222)
