"""Sends the requests of `std.http`.

The name is resolved here and the connection goes to the address that was checked, so that a name
cannot change its address in between. Redirects are followed by hand and checked the same way.
"""

import asyncio
from typing import Any

import httpx
import msgspec

from services.execution.own.addresses import resolve
from services.execution.own.http import HttpInput
from stretto.contracts.unreadable import UNREADABLE
from stretto.worker.errors import InvalidInput, NonRetryable, TooLarge

MAX_RESPONSE_BYTES = 512 * 1024
"""An output is at most 1 MiB of JSON; text may grow when it is written as JSON."""

MAX_REDIRECTS = 5

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEP_METHOD = frozenset({307, 308})
_SECRET_HEADERS = ("authorization", "cookie", "proxy-authorization")
_PORTS = {"http": 80, "https": 443}


class HttpError(Exception):
    """No answer came: refused, cut off, not resolvable, too slow. Trying again may help."""


class TooManyRedirects(NonRetryable):
    """The answer leads from one place to the next."""


async def fetch(request: HttpInput, timeout_s: float, *, allow_private: bool) -> dict[str, Any]:
    """Send a request, follow where it leads, return the answer."""
    try:
        # Without the environment: a proxy would be reached in place of what was checked.
        async with (
            asyncio.timeout(timeout_s),
            httpx.AsyncClient(trust_env=False, timeout=timeout_s) as client,
        ):
            return await _follow(client, request, allow_private)
    except TimeoutError as error:
        raise HttpError(
            f"expected {request.url} to answer within {timeout_s:g} s, but it did not"
        ) from error
    except (httpx.TransportError, OSError) as error:
        raise HttpError(
            f"expected {request.url} to answer, but: {error or type(error).__name__}"
        ) from error


async def _follow(
    client: httpx.AsyncClient, asked: HttpInput, allow_private: bool
) -> dict[str, Any]:
    url = _url(asked.url)
    method: str = asked.method
    headers = httpx.Headers({"accept-encoding": "identity", **asked.headers})
    content = _content(asked.body, headers)
    for _ in range(MAX_REDIRECTS + 1):
        request = client.build_request(method, url, headers=headers, content=content)
        response = await _send(client, request, allow_private)
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
    client: httpx.AsyncClient, request: httpx.Request, allow_private: bool
) -> httpx.Response:
    """Send one request to the checked address of its host."""
    url = request.url
    port = url.port or _PORTS[url.scheme]
    request.headers["host"] = url.netloc.decode("ascii")
    request.extensions = {**request.extensions, "sni_hostname": url.host}
    request.url = url.copy_with(host=await resolve(url.host, port, allow_private=allow_private))
    return await client.send(request, stream=True, follow_redirects=False)


async def _answer(response: httpx.Response) -> dict[str, Any]:
    body = bytearray()
    # As it comes: a small compressed answer must not become a large one here.
    async for chunk in response.aiter_raw():
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
        except UNREADABLE:
            pass  # it says JSON and is not: shown as what it is
    return data.decode(response.charset_encoding or "utf-8", "replace")


def _content(body: Any, headers: httpx.Headers) -> bytes | None:
    if body is None:
        return None
    if isinstance(body, str):
        return body.encode()
    headers.setdefault("content-type", "application/json")
    return msgspec.json.encode(body)


def _url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise InvalidInput(f"expected a URL, but: {error}") from error
    if url.scheme not in _PORTS or not url.host:
        raise InvalidInput(f"expected an http or https URL with a host, but got {text[:200]!r}")
    return url
