"""Values that are not shown: those under names that say so (`password`, `api_key`, `token` …).

What goes wrong with an expression is told with the values involved, and ends up in the log, on a
page and in spans. A value is secret there by its name: one that says so, or one that the schema of
the workflow's input marks (`writeOnly: true`, `format: password`); a scope has those under
`SECRET_ROOT`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["MASK", "SECRET_ROOT", "is_secret_name", "masked", "with_secrets"]

MASK = "•••"

SECRET_ROOT = "@secret"
"""The root under which a scope carries further names of secrets."""

_NAME = re.compile(
    r"passw(or)?d|passphrase|passcode|secret|token|api[-_]?key|private[-_]?key|access[-_]?key"
    r"|credential|authorization|(^|[-_])(pin|cvv|cvc|pwd)$",
    re.IGNORECASE,
)

_LEAST_CHARS = 3
"""A shorter value is told by half of all messages by chance."""

MAX_LOOKED_AT = 20_000
"""Values that are looked at for secrets; only where something has gone wrong."""

_CUT = "…"


def is_secret_name(name: str) -> bool:
    """Whether a field of this name holds what is not shown."""
    return _NAME.search(name) is not None


def with_secrets(scope: Mapping[str, Any], names: tuple[str, ...]) -> Mapping[str, Any]:
    """The scope with further names whose values are not shown."""
    return {**scope, SECRET_ROOT: names} if names else scope


def masked(text: str, scope: Mapping[str, Any]) -> str:
    """The text without the secrets of a scope, also where it was cut in the middle of one."""
    for secret in sorted(set(_secrets(scope)), key=len, reverse=True):
        text = text.replace(secret, MASK)
        text = _without_beginning(text, secret)
    return text


def _without_beginning(text: str, secret: str) -> str:
    """Take the beginning of a secret away where an ellipsis follows it."""
    at = text.find(_CUT)
    while at >= 0:
        for length in range(min(len(secret), at), _LEAST_CHARS - 1, -1):
            if text.endswith(secret[:length], 0, at):
                text = text[: at - length] + MASK + text[at:]
                at += len(MASK) - length
                break
        at = text.find(_CUT, at + 1)
    return text


def _secrets(scope: Mapping[str, Any]) -> Iterator[str]:
    """The texts and numbers under names that say that they are secret, at any depth."""
    named = frozenset(scope.get(SECRET_ROOT, ()))
    waiting: list[tuple[Any, bool]] = [
        (value, False) for name, value in scope.items() if name != SECRET_ROOT
    ]
    looked_at = 0
    while waiting and looked_at < MAX_LOOKED_AT:
        value, secret = waiting.pop()
        looked_at += 1
        if isinstance(value, Mapping):
            waiting += [
                (inner, secret or name in named or is_secret_name(str(name)))
                for name, inner in value.items()
            ]
        elif isinstance(value, list):
            waiting += [(item, secret) for item in value]
        elif secret and not isinstance(value, bool) and value is not None:
            text = str(value)
            if len(text) >= _LEAST_CHARS:
                yield text
