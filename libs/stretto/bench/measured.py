"""Cases measured one after the other, each in a loop of its own, and what was found kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from rich.console import Console

T = TypeVar("T")


def measured(cases: Iterable[str], measure: Callable[[str], Coroutine[Any, Any, T]]) -> list[T]:
    """Measure each case; its name is said on stderr before."""
    import uvloop

    aside = Console(stderr=True, highlight=False)
    found: list[T] = []
    for case in cases:
        aside.print(case)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found.append(runner.run(measure(case)))
    return found


def keep(found: Sequence[object], path: Path) -> None:
    """Write what was found as JSON that people can read; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
