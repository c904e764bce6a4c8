"""A real browser, driven by the DevTools protocol: Chromium without a window.

`https://chromedevtools.github.io/devtools-protocol/`: JSON over a WebSocket, a command each with an
`id`, its answer with the same one, events without.
"""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
WITHIN_S = 60.0
"""For whatever is waited for: a busy machine takes its time."""

_LOOK_EVERY_S = 0.1
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)


def program() -> str | None:
    """Where a Chromium is; None: there is none on this machine."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Page:
    """One page of a browser. `wrong`: what it said on the console as an error, and what it could
    not load."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._count = 0
        self.wrong: list[str] = []

    async def listen(self) -> None:
        """Take what the browser says, until it is gone."""
        async for message in self._socket:
            said = json.loads(message.data)
            waiting = self._answers.pop(said.get("id", 0), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(said)
            elif "method" in said:
                self._hear(said["method"], said["params"])

    def _hear(self, method: str, params: dict[str, Any]) -> None:
        match method:
            case "Runtime.exceptionThrown":
                self.wrong.append(json.dumps(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "assert"):
                self.wrong.append(json.dumps(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.wrong.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
            case _:
                pass

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Give a command and return what came of it."""
        self._count += 1
        number = self._count
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(WITHIN_S):
            answer = await self._answers[number]
        assert "error" not in answer, (method, answer)
        result: dict[str, Any] = answer["result"]
        return result

    async def look(self, expression: str) -> Any:
        """The value of an expression in the page."""
        found = await self.ask(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, (expression, found)
        return found["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Look until an expression holds in the page; its value."""
        deadline = time.monotonic() + WITHIN_S
        while not (value := await self.look(expression)):
            assert time.monotonic() < deadline, (expression, await self.text())
            await asyncio.sleep(_LOOK_EVERY_S)
        return value

    async def text(self) -> str:
        """What a person reads on the page."""
        return str(await self.look("document.body.innerText"))

    async def reads(self, text: str) -> None:
        """Wait until the page says a text."""
        await self.until(f"document.body.innerText.includes({json.dumps(text)})")

    async def click(self, selector: str) -> None:
        """Press what a selector finds, as soon as it is there and can be pressed."""
        await self.until(
            f"(() => {{ const at = document.querySelector({json.dumps(selector)}); "
            "if (!at || at.disabled) return false; at.click(); return true; })()"
        )

    async def write(self, selector: str, text: str) -> None:
        """Write into a field, or choose from a list."""
        await self.until(f"document.querySelector({json.dumps(selector)}) !== null")
        await self.look(
            f"{{ const at = document.querySelector({json.dumps(selector)}); "
            f"at.value = {json.dumps(text)}; "
            "for (const said of ['input', 'change']) "
            "at.dispatchEvent(new Event(said, { bubbles: true })); }"
        )

    async def go(self, url: str) -> None:
        """Open an address, and wait until all of it is there."""
        await self.ask("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def shaped(self, width: int, height: int, *, dark: bool) -> None:
        """Be a screen of so many pixels, light or dark."""
        await self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.ask("Emulation.setEmulatedMedia", features=[scheme])

    async def picture(self, file: Path) -> None:
        """Keep what the page looks like, as a PNG of all of it."""
        shot = await self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))


@asynccontextmanager
async def browsing() -> AsyncIterator[Page]:
    """Start a browser with an empty profile; give its page; end it."""
    found = program()
    assert found is not None
    profile = Path(tempfile.mkdtemp(prefix="stretto-page-"))
    process = await asyncio.create_subprocess_exec(
        found, *_OPTIONS, f"--user-data-dir={profile}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        port = await _port(profile / "DevToolsActivePort", process)
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                targets = await answer.json()
            [url] = [each["webSocketDebuggerUrl"] for each in targets if each["type"] == "page"]
            async with session.ws_connect(url, max_msg_size=0) as socket:
                page = Page(socket)
                listening = group.create_task(page.listen())
                for domain in ("Page", "Runtime", "Log", "Network"):
                    await page.ask(f"{domain}.enable")
                yield page
                listening.cancel()
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(WITHIN_S):
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
            shutil.rmtree(profile, ignore_errors=True)


async def _port(file: Path, process: asyncio.subprocess.Process) -> int:
    """The port on which the browser takes commands: it writes it into its profile."""
    deadline = time.monotonic() + WITHIN_S
    while not (file.exists() and file.read_text().strip()):
        assert process.returncode is None, "the browser ended"
        assert time.monotonic() < deadline, "the browser did not start"
        await asyncio.sleep(_LOOK_EVERY_S)
    return int(file.read_text().split()[0])
