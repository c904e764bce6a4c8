"""aiohttp stays out of a process until a URL asks for WebSocket."""

import subprocess
import sys
from typing import Any

import pytest

from stretto.bus import websocket
from stretto.bus.connection import connect
from stretto.runtime.errors import PermanentError

pytest.importorskip("aiohttp")


def in_a_new_process(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_the_client_alone_does_not_import_it() -> None:
    code = (
        "import sys, stretto.client; print('aiohttp' in sys.modules); import aiohttp; print('ok')"
    )
    assert in_a_new_process(code).split() == ["False", "ok"]


def test_who_has_it_already_keeps_it() -> None:
    code = (
        "import aiohttp, stretto.client, nats.aio.transport as t; print(t.aiohttp is aiohttp); "
        "from stretto.bus import websocket; websocket.hold_off(); print(t.aiohttp is aiohttp)"
    )
    assert in_a_new_process(code).split() == ["True", "True"]


def test_a_url_asks_for_it() -> None:
    code = (
        "import sys, stretto.client, nats.aio.transport as t; from stretto.bus import websocket; "
        "print(t.aiohttp is None); websocket.allow(); print(t.aiohttp is sys.modules['aiohttp'])"
    )
    assert in_a_new_process(code).split() == ["True", "True"]
    assert websocket.is_wanted("nats://a:1, wss://b:2")
    assert not websocket.is_wanted("nats://a:1,tls://b:2")


async def test_without_it_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(websocket, "import_module", absent)
    with pytest.raises(PermanentError, match="pip install 'stretto") as caught:
        await connect("ws://127.0.0.1:1", "x")
    assert caught.value.code == "bus.no_websocket"
