"""The settings of the gateway: those of every service, where it listens, and who may use it."""

import ipaddress
from typing import NamedTuple

from pydantic import Field, model_validator

from stretto.runtime.settings import ServiceSettings

DEFAULT_PORT = 8080
MIN_TOKEN_CHARS = 16
"""A shorter token could be guessed."""


class Token(NamedTuple):
    """Who may use the API. `name` is written into what the holder does (`by`)."""

    name: str
    secret: str


class GatewaySettings(ServiceSettings):
    """See `docs/configuration.md`."""

    http_host: str = "127.0.0.1"
    """Where HTTP is served; 0.0.0.0 for all addresses of this machine."""
    http_port: int = Field(DEFAULT_PORT, ge=0, le=65_535)
    """Port of the API and the page; 0: a free one, logged."""
    api_tokens: str | None = Field(None, repr=False)
    """`name:secret` of everybody who may use the API, with commas between; none: this machine."""
    api_open: bool = False
    """Serve other machines without tokens: for networks where everybody may do everything."""
    allowed_hosts: str | None = None
    """Names under which browsers reach it, with commas between, beside this machine's own."""

    @model_validator(mode="after")
    def _is_safe(self) -> "GatewaySettings":
        for token in self.tokens:
            if len(token.secret) < MIN_TOKEN_CHARS:
                raise ValueError(
                    f"tokens `name:secret` with secrets of {MIN_TOKEN_CHARS} characters or more"
                )
        if not self.tokens and not self.api_open and not is_loopback(self.http_host):
            raise ValueError(
                "STRETTO_API_TOKENS set where STRETTO_HTTP_HOST is not this machine "
                "(or STRETTO_API_OPEN=true)"
            )
        return self

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Who may use the API; empty: everybody who reaches it."""
        given = [part.strip() for part in (self.api_tokens or "").split(",") if part.strip()]
        tokens = []
        for number, part in enumerate(given, 1):
            name, colon, secret = part.partition(":")
            tokens.append(Token(name, secret) if colon else Token(f"token-{number}", part))
        return tuple(tokens)

    @property
    def hosts(self) -> frozenset[str]:
        """Names that a browser may have used to get here."""
        given = (part.strip().lower() for part in (self.allowed_hosts or "").split(","))
        return frozenset({"localhost", self.http_host.lower(), *(part for part in given if part)})


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
