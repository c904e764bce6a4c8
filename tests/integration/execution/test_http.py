"""`std.http` against a real server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.execution.own import http_client as limits
from services.execution.own.addresses import AddressRefused
from services.execution.own.http import HttpInput, HttpTask
from services.execution.own.http_client import HttpError, TooManyRedirects
from stretto.worker.errors import InvalidInput, TooLarge

Answer = tuple[int, dict[str, str], bytes]


class Site:
    """A small HTTP server: what was asked, and answers by path."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: dict[str, Answer] = {}
        self.silent = asyncio.Event()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            method, path, _ = first.split(" ")
            headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.asked.append((method, path, headers, body))
            if path == "/silent":
                await self.silent.wait()
                return
            status, more, data = self.answers.get(path, (404, {}, b"nothing"))
            answer = {"content-length": str(len(data)), "connection": "close", **more}
            text = "".join(f"{k}: {v}\r\n" for k, v in answer.items())
            writer.write(f"HTTP/1.1 {status} X\r\n{text}\r\n".encode() + data)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away: what some of these tests are about
        finally:
            writer.close()


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    here = Site()
    server = await asyncio.start_server(here.serve, "127.0.0.1", 0)
    here.port = server.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        here.silent.set()
        server.close()


def ask(url: str, **more: Any) -> Awaitable[dict[str, Any]]:
    return HttpTask(allow_private=True)(HttpInput(url=url, **more))


async def test_json_is_sent_and_read() -> None:
    async with site() as here:
        here.answers["/a?b=1"] = (201, {"content-type": "application/json"}, b'{"n":1}')
        answer = await ask(
            f"{here.url}/a?b=1", method="POST", body={"x": [1]}, headers={"X-Key": "k"}
        )
    method, path, headers, body = here.asked[0]
    assert (method, path, body) == ("POST", "/a?b=1", b'{"x":[1]}')
    assert headers["host"] == f"127.0.0.1:{here.port}"
    assert (headers["x-key"], headers["content-type"]) == ("k", "application/json")
    assert (answer["status"], answer["body"]) == (201, {"n": 1})
    assert answer["headers"]["content-type"] == "application/json"


async def test_text_is_sent_and_read_as_it_is() -> None:
    async with site() as here:
        here.answers["/a"] = (200, {"content-type": "text/plain; charset=latin-1"}, b"gr\xfcn")
        here.answers["/b"] = (200, {"content-type": "application/json"}, b"{broken")
        assert (await ask(f"{here.url}/a", method="PUT", body="x"))["body"] == "grün"
        assert (await ask(f"{here.url}/b"))["body"] == "{broken"
        assert (await ask(f"{here.url}/none"))["status"] == 404
    assert here.asked[0][3] == b"x"


async def test_redirects_are_followed_and_their_addresses_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with site() as here, site() as other:
        here.answers["/a"] = (302, {"location": "/b"}, b"")
        here.answers["/b"] = (307, {"location": f"{other.url}/c"}, b"")
        other.answers["/c"] = (200, {}, b"there")
        secret = {"Authorization": "Bearer x", "X-Key": "k"}
        answer = await ask(f"{here.url}/a", method="POST", body={}, headers=secret)
        assert answer["body"] == "there"
        assert [(method, path) for method, path, *_ in here.asked] == [
            ("POST", "/a"),
            ("GET", "/b"),
        ]
        (_, _, headers, body) = other.asked[0]
        assert ("authorization" in headers, headers["x-key"], body) == (False, "k", b"")
        assert "authorization" in here.asked[1][2]
        resolve = limits.resolve

        async def only_first(host: str, port: int, *, allow_private: bool) -> str:
            return await resolve(host, port, allow_private=port == here.port)

        monkeypatch.setattr(limits, "resolve", only_first)
        with pytest.raises(AddressRefused):
            await ask(f"{here.url}/b")


async def test_redirects_without_an_end_are_refused() -> None:
    async with site() as here:
        here.answers["/a"] = (308, {"location": "/a"}, b"")
        with pytest.raises(TooManyRedirects):
            await ask(f"{here.url}/a")
        assert len(here.asked) == limits.MAX_REDIRECTS + 1


async def test_private_addresses_are_refused() -> None:
    async with site() as here:
        with pytest.raises(AddressRefused):
            await HttpTask(allow_private=False)(HttpInput(url=f"{here.url}/"))
        assert here.asked == []


async def test_large_answers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_RESPONSE_BYTES", 10)
    async with site() as here:
        here.answers["/a"] = (200, {}, b"x" * 11)
        with pytest.raises(TooLarge, match="at most 10 bytes"):
            await ask(f"{here.url}/a")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"url": "ftp://example.org/"}, "http or https"),
        ({"url": "http://"}, "host"),
        ({"url": "http://[::1"}, "expected a URL"),
        ({"url": "http://example.org", "timeout": "0s"}, "timeout above 0"),
        ({"url": "http://example.org", "timeout": "1h"}, "at most 600"),
        ({"url": "http://example.org", "timeout": "soon"}, "timeout: expected a duration"),
    ],
)
async def test_wrong_requests_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        await ask(**given)


async def test_without_an_answer_trying_again_may_help() -> None:
    async with site() as here:
        with pytest.raises(HttpError, match=r"answer within 0\.1 s"):
            await ask(f"{here.url}/silent", timeout="100ms")
        port = here.port
    with pytest.raises(HttpError, match="expected http"):
        await ask(f"http://127.0.0.1:{port}/")
    with pytest.raises(HttpError, match="expected http"):
        await ask("http://no-such-host.invalid/")
