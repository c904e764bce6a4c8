"""Who dropped kept outputs: the holder of the token, not whoever a body names."""

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from starlette.requests import Request

from services.gateway.routes.reuse import purge
from stretto.bus.publisher import Outgoing


@pytest.mark.parametrize(("holder", "by"), [("ann", "ann"), (None, "bob")])
async def test_a_purge_is_by_the_holder_of_the_token_where_there_is_one(
    holder: str | None, by: str
) -> None:
    sent: list[Outgoing] = []

    async def send(message: Outgoing) -> bytes:
        sent.append(message)
        return b'{"purged": 2}'

    async def body() -> dict[str, object]:
        given = b'{"namespace": "default", "task": "t", "by": "bob"}'
        return {"type": "http.request", "body": given, "more_body": False}

    scope = {"type": "http", "method": "POST", "path": "/", "state": {"holder": holder},
             "headers": [(b"content-type", b"application/json")]}  # fmt: skip
    gate = SimpleNamespace(answered=SimpleNamespace(send=send))

    await purge(Request(scope, cast(Any, body)), cast(Any, gate))

    [message] = sent
    assert message.subject == "stretto.reuse.default"
    assert msgspec.json.decode(message.data)["by"] == by
