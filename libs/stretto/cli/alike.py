"""Causes of items that differ in nothing but which item it is: told once. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

MAX_NAMED = 3
"""Further items that are named."""

_VARIES = re.compile(r"\[\d+\]|\d{4}-\d\d-\d\dT[\d:.]+Z", re.ASCII)
"""Numbers of items, and instants: those of items that began together differ by little."""


class Alike(NamedTuple):
    """A cause, and the steps of the others that are like it."""

    cause: Mapping[str, Any]
    others: list[str]

    @property
    def more(self) -> str | None:
        """Say who else waits for the same; None: nobody."""
        if not self.others:
            return None
        named = ", ".join(self.others[:MAX_NAMED])
        dots = ", …" if len(self.others) > MAX_NAMED else ""
        return f"and {len(self.others)} like it: {named}{dots}"


def alike(causes: Iterable[Mapping[str, Any]]) -> list[Alike]:
    """Put causes together whose sentences differ in the number of the item only, in the order of
    the first of each; causes of steps that are no items stay by themselves."""
    found: dict[object, Alike] = {}
    for number, cause in enumerate(causes):
        step, sentence = str(cause.get("step", "")), str(cause.get("sentence", ""))
        key: object = number
        if "[" in step and sentence:
            key = (_VARIES.sub("", sentence), cause.get("remedy"))
        first = found.setdefault(key, Alike(cause, []))
        if first.cause is not cause:
            first.others.append(step)
    return list(found.values())
