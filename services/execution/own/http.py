"""`std.http`: one request to a public address, its answer as the output.

The name is resolved here and the connection goes to the address that was checked, so that a name
cannot change its address in between. Redirects are followed by hand and checked the same way.
"""

import asyncio
import json
from typing import Any, Literal

import httpx
import msgspec

from services.execution.own.addresses import resolve
from services.execution.own.durations import seconds_of
from stretto.worker.errors import InvalidInput, NonRetryable, TooLarge

MAX_RESPONSE_BYTES = 512 * 1024
"""An output is at most 1 MiB of JSON; text may grow when it is written as JSON."""

MAX_REDIRECTS = 5
MAX_PARALLEL = 64
"""Requests at once: sockets and memory of this process."""

DEFAULT_TIMEOUT_S = 30.0
MAX_TIMEOUT_S = 600.0

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEP_METHOD = frozenset({307, 308})
_SECRET_HEADERS = ("authorization", "cookie", "proxy-authorization")
_PORTS = {"http": 80, "https": 443}


class HttpError(Exception):
    """No answer came: refused, cut off, not resolvable, too slow. Trying again may help."""


class TooManyRedirects(NonRetryable):
    """The answer leads from one place to the next."""


class HttpInput(msgspec.Struct, forbid_unknown_fields=True):
    """What `std.http` takes. `body`: text as it is; anything else as JSON. `timeout`: `30s`."""

    url: str
    method: Method = "GET"
    headers: dict[str, str] = {}
    body: Any = None
    timeout: str | float = DEFAULT_TIMEOUT_S


class HttpTask:
    """The handler of `std.http`.

    Args:
        allow_private: whether addresses that are not public may be reached.
    """

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._turns = asyncio.Semaphore(MAX_PARALLEL)

    async def __call__(self, request: HttpInput) -> dict[str, Any]:
        """Send a request; return `{"status", "headers", "body"}` of whatever answer came."""
        timeout_s = _timeout(request.timeout)
        async with self._turns:
            try:
                # Without the environment: a proxy would be reached in place of what was checked.
                async with (
                    asyncio.timeout(timeout_s),
                    httpx.AsyncClient(trust_env=False, timeout=timeout_s) as client,
                ):
                    return await self._follow(client, request)
            except TimeoutError as error:
                raise HttpError(
                    f"expected {request.url} to answer within {timeout_s:g} s, but it did not"
                ) from error
            except (httpx.TransportError, OSError) as error:
                raise HttpError(
                    f"expected {request.url} to answer, but: {error or type(error).__name__}"
                ) from error

    async def _follow(self, client: httpx.AsyncClient, asked: HttpInput) -> dict[str, Any]:
        url = _url(asked.url)
        method: str = asked.method
        headers = httpx.Headers(asked.headers)
        content = _content(asked.body, headers)
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._send(client, method, url, headers, content)
            try:
                location = response.headers.get("location")
                if response.status_code not in _REDIRECTS or location is None:
                    return await _answer(response)
            finally:
                await response.aclose()
            target = _url(str(url.join(location)))
            if (target.scheme, target.netloc) != (url.scheme, url.netloc):
                for name in _SECRET_HEADERS:
                    headers.pop(name, None)
            if response.status_code not in _KEEP_METHOD and method not in {"GET", "HEAD"}:
                method, content = "GET", None
                headers.pop("content-type", None)
            url = target
        raise TooManyRedirects(f"expected at most {MAX_REDIRECTS} redirects from {asked.url}")

    async def _send(
        self,
        client: httpx.AsyncClient,
        method: str,
        url: httpx.URL,
        headers: httpx.Headers,
        content: bytes | None,
    ) -> httpx.Response:
        """Send one request to the checked address of its host."""
        port = url.port or _PORTS[url.scheme]
        address = await resolve(url.host, port, allow_private=self._allow_private)
        request = client.build_request(
            method, url.copy_with(host=address), headers=headers, content=content
        )
        request.headers["host"] = url.netloc.decode("ascii")
        request.extensions = {**request.extensions, "sni_hostname": url.host}
        return await client.send(request, stream=True, follow_redirects=False)


async def _answer(response: httpx.Response) -> dict[str, Any]:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_RESPONSE_BYTES:
            raise TooLarge(f"expected an answer of at most {MAX_RESPONSE_BYTES} bytes")
    return {
        "status": response.status_code,
        "headers": dict(response.headers),
        "body": _body(bytes(body), response),
    }


def _body(data: bytes, response: httpx.Response) -> Any:
    """JSON where the answer says that it is and it is; text else."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return msgspec.json.decode(data)
        except (msgspec.DecodeError, RecursionError):
            pass  # it says JSON and is not: shown as what it is
    return data.decode(response.charset_encoding or "utf-8", "replace")


def _content(body: Any, headers: httpx.Headers) -> bytes | None:
    if body is None:
        return None
    if isinstance(body, str):
        return body.encode()
    headers.setdefault("content-type", "application/json")
    return json.dumps(body).encode()


def _url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise InvalidInput(f"expected a URL, but: {error}") from error
    if url.scheme not in _PORTS or not url.host:
        raise InvalidInput(f"expected an http or https URL with a host, but got {text[:200]!r}")
    return url


def _timeout(text: str | float) -> float:
    try:
        timeout_s = seconds_of(text)
    except ValueError as error:
        raise InvalidInput(f"timeout: {error}") from error
    if not 0 < timeout_s <= MAX_TIMEOUT_S:
        raise InvalidInput(f"expected a timeout above 0 and at most {MAX_TIMEOUT_S:g} s")
    return timeout_s
