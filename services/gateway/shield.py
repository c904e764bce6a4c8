"""What every request passes before a route sees it: limits, who may, and headers on the way out.

A plain ASGI application around the other: it sees bytes before anything is parsed.
"""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.problems import Refused, problem
from services.gateway.settings import Token, is_loopback

MAX_BODY_BYTES = 1024 * 1024 + 64 * 1024
"""The largest payload that a run takes, and room for what is around it."""

MAX_URL_BYTES = 8 * 1024
API = "/api/"

SECURITY_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        b"connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class Guard:
    """Knows who may use the API."""

    def __init__(self, tokens: Iterable[Token], hosts: frozenset[str]) -> None:
        self._tokens = [(token.name, _digest(token.secret)) for token in tokens]
        self._hosts = hosts

    @property
    def open(self) -> bool:
        """Whether everybody who reaches it may use it."""
        return not self._tokens

    def holder(self, secret: str) -> str | None:
        """The name of who holds a token; None: nobody. Takes the same time whatever is wrong."""
        digest = _digest(secret)
        found = None
        for name, expected in self._tokens:
            if hmac.compare_digest(digest, expected):
                found = name
        return found

    def own_page(self, host: str, origin: str | None) -> bool:
        """Whether a request may come from where it says: another site's page may not use an API
        that asks nobody who he is, also not by a name that leads here (DNS rebinding)."""
        name = urlsplit("//" + host).hostname or ""
        if name not in self._hosts and not is_loopback(name):
            return False
        return origin is None or (urlsplit(origin).netloc.lower() == host.lower())


class Shield:
    """The application around all routes."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # WebSockets prove who they are in their first message
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, _with_headers(scope, send))
            return
        await self._app(scope, _Body(receive).receive, _with_headers(scope, send))

    def _refusal(self, scope: Scope, headers: dict[bytes, bytes]) -> Any:
        if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_URL_BYTES:
            return problem(414, "url_too_long", f"expected at most {MAX_URL_BYTES} bytes")
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            return problem(413, "body_too_large", f"expected at most {MAX_BODY_BYTES} bytes")
        if not scope["path"].startswith(API):
            return None
        if self._guard.open:
            return self._not_ours(headers)
        scheme, _, secret = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        holder = self._guard.holder(secret.strip()) if scheme.lower() == "bearer" else None
        if holder is None:
            return problem(401, "not_authenticated", "expected a bearer token that is known here")
        scope.setdefault("state", {})["holder"] = holder
        return None

    def _not_ours(self, headers: dict[bytes, bytes]) -> Any:
        host = headers.get(b"host", b"").decode("latin-1")
        origin = headers.get(b"origin")
        if self._guard.own_page(host, None if origin is None else origin.decode("latin-1")):
            return None
        return problem(
            403,
            "not_this_site",
            "expected a request of this site's own page or of no page at all: without tokens the "
            "API is for this machine (see STRETTO_API_TOKENS and STRETTO_ALLOWED_HOSTS)",
        )


class _Body:
    """Counts what is received: a body need not say its length before."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._bytes = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > MAX_BODY_BYTES:
            raise Refused(413, "body_too_large", f"expected at most {MAX_BODY_BYTES} bytes")
        return message


def _with_headers(scope: Scope, send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", []))
            headers += SECURITY_HEADERS
            if scope["path"].startswith(API):
                headers.append((b"cache-control", b"no-store"))
            message = {**message, "headers": headers}
        await send(message)

    return wrapped


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
