"""Who may use the gateway, and how settings that would be unsafe are refused."""

from __future__ import annotations

from typing import Any

import pytest

from services.gateway.settings import GatewaySettings, Token
from services.gateway.shield import Guard
from stretto.runtime.settings import InvalidSettings, read_settings

SECRET = "correct-horse-battery"


def settings(**given: Any) -> GatewaySettings:
    return read_settings(GatewaySettings, **given)


def test_it_listens_on_this_machine_alone() -> None:
    assert settings().http_host == "127.0.0.1" and settings().http_port == 8080
    assert settings().tokens == ()
    for host in ("localhost", "::1", "127.1.2.3"):
        settings(http_host=host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "gateway.example"])
def test_other_machines_need_tokens_or_a_word(host: str) -> None:
    with pytest.raises(InvalidSettings, match="STRETTO_API_TOKENS"):
        settings(http_host=host)
    settings(http_host=host, api_tokens=SECRET)
    settings(http_host=host, api_open=True)


def test_tokens_have_names() -> None:
    given = settings(api_tokens=f" ops:{SECRET} , 0123456789abcdef ,")
    assert given.tokens == (Token("ops", SECRET), Token("token-2", "0123456789abcdef"))
    assert SECRET not in repr(given)
    with pytest.raises(InvalidSettings, match="16 characters or more"):
        settings(api_tokens="ops:short")


def test_a_token_is_known_by_its_secret_alone() -> None:
    guard = Guard(settings(api_tokens=f"ops:{SECRET},ci:{SECRET}2").tokens, frozenset())
    assert not guard.open
    assert (guard.holder(SECRET), guard.holder(SECRET + "2")) == ("ops", "ci")
    for wrong in ("", "ops", f"ops:{SECRET}", SECRET[:-1], "\ud800"):
        assert guard.holder(wrong) is None


def test_pages_of_other_sites_are_told_from_our_own() -> None:
    guard = Guard((), settings(allowed_hosts="Flow.example, two.example").hosts)
    assert guard.open
    for host, origin in (
        ("127.0.0.1:8080", None),
        ("localhost:8080", "http://localhost:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("flow.example", "https://flow.example"),
    ):
        assert guard.own_page(host, origin), (host, origin)
    for host, origin in (
        ("evil.example", None),
        ("127.0.0.1.evil.example", None),
        ("localhost:8080", "http://localhost:9090"),
        ("localhost:8080", "null"),
        ("flow.example", "https://evil.example"),
        ("", None),
    ):
        assert not guard.own_page(host, origin), (host, origin)
