"""A bounded store of compiled programs and templates."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import msgspec

from stretto.expression.kinds import Kind
from stretto.expression.program import Program
from stretto.expression.scope import ScopeTypes
from stretto.expression.template import Template, compile_condition, compile_template

__all__ = ["CacheStatistics", "ProgramCache"]

DEFAULT_ENTRIES = 4096
"""A compiled expression takes about 12 KB, most of it in the native library: 50 MB at most."""

_Compiled = TypeVar("_Compiled", Program, Template)


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """Counts since the cache was made, and how many entries it holds now."""

    hits: int
    misses: int
    evictions: int
    entries: int


class ProgramCache:
    """Compiled expressions and templates by source and scope, the least recently used dropped.

    What does not compile is not kept. May be shared by threads.
    """

    def __init__(self, entries: int = DEFAULT_ENTRIES) -> None:
        assert entries > 0, entries
        self._limit = entries
        self._known: OrderedDict[Hashable, Program | Template] = OrderedDict()
        self._lock = threading.Lock()
        self._hits = self._misses = self._evictions = 0

    def expression(
        self, source: str, scope: ScopeTypes | None = None, expect: Kind | None = None
    ) -> Program:
        """The program of an expression, written bare or as one whole `${{ }}`.

        Raises:
            ExpressionError: it does not compile.
        """
        key = (source, None if scope is None else scope.fingerprint, expect)
        return self._get(key, lambda: compile_condition(source, scope, expect))

    def template(self, encoded: bytes, scope: ScopeTypes | None = None) -> Template:
        """The template that a JSON text holds.

        Raises:
            ExpressionError: an expression in it does not compile.
            msgspec.DecodeError: it is not JSON.
        """
        encoded = bytes(encoded)
        key = (encoded, None if scope is None else scope.fingerprint)
        return self._get(key, lambda: compile_template(_decode(encoded), scope))

    def statistics(self) -> CacheStatistics:
        """How well the cache does."""
        return CacheStatistics(self._hits, self._misses, self._evictions, len(self._known))

    def _get(self, key: Hashable, compile_it: Callable[[], _Compiled]) -> _Compiled:
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._hits += 1
                self._known.move_to_end(key)
                return cast(_Compiled, known)
            self._misses += 1
        compiled = compile_it()
        with self._lock:
            self._known[key] = compiled
            if len(self._known) > self._limit:
                self._known.popitem(last=False)
                self._evictions += 1
        return compiled


def _decode(encoded: bytes) -> Any:
    return msgspec.json.decode(encoded)
