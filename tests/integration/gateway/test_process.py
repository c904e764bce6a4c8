"""The process: it serves, and stops in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx

from stretto.testkit.ports import free_port

ROOT = Path(__file__).resolve().parents[3]


async def test_a_process_serves_and_stops_in_order(nats_url: str) -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.gateway",
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'libs'}:{ROOT}",
            "STRETTO_NATS_URL": nats_url,
            "STRETTO_HTTP_PORT": str(port),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            assert await _ready(http)
            assert (await http.get("/")).status_code == 200
            process.send_signal(signal.SIGTERM)
            out, _ = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 0
        assert b"http is served" in out and b"Traceback" not in out
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def _ready(http: httpx.AsyncClient) -> bool:
    for _ in range(600):
        try:
            if (await http.get("/readyz")).status_code == 200:
                return True
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.05)
    return False


async def test_a_host_that_is_not_this_machine_needs_tokens() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.gateway",
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'libs'}:{ROOT}",
            "STRETTO_HTTP_HOST": "0.0.0.0",
        },
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2 and b"STRETTO_API_TOKENS" in err
