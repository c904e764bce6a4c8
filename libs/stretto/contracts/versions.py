"""How a version is named: `order` (the latest), `order@3` (that one), `order@stable` (by a label).

The *latest* version is the one that was applied last, whatever its number: see
docs/adr/0009-latest-is-what-was-applied-last.md.
"""

import re
from typing import NamedTuple

from stretto.contracts.subjects import MAX_NAME_CHARS, NAME_PATTERN, is_name

LATEST = "latest"
"""The label that nobody sets by hand: it stands for the version that was applied last."""

MAX_VERSION = 2**31 - 1
"""Versions are integers of the log."""

LABEL_PATTERN = r"[a-z][a-z0-9_-]*"
"""A letter first: a label is never taken for a number."""

_LABEL = re.compile(LABEL_PATTERN)
_NUMBER = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)

MARK = "@"
"""Between the name and the version."""


class VersionRef(NamedTuple):
    """A workflow or template, and which version of it: a number, a label, or the latest (both
    None)."""

    name: str
    version: int | None = None
    label: str | None = None

    def __str__(self) -> str:
        which = self.label if self.version is None else str(self.version)
        return self.name if which is None else f"{self.name}{MARK}{which}"


def is_label(text: str) -> bool:
    """Tell whether a text can be the label of a version."""
    return len(text) <= MAX_NAME_CHARS and _LABEL.fullmatch(text) is not None


def parse_version(text: str) -> tuple[int | None, str | None]:
    """Read what stands behind the `@`: a number, a label or `latest`.

    Raises:
        ValueError: it is none of them.
    """
    if _NUMBER.fullmatch(text) and int(text) <= MAX_VERSION:
        return int(text), None
    if text == LATEST:
        return None, None
    if is_label(text):
        return None, text
    raise ValueError(
        f"expected a version (3), a label ({LABEL_PATTERN}) or {LATEST}, but got {text[:60]!r}"
    )


def parse_ref(text: str) -> VersionRef:
    """Read `name` or `name@version`.

    Raises:
        ValueError: it is neither.
    """
    name, mark, which = text.partition(MARK)
    if not is_name(name):
        raise ValueError(
            f"expected a name {NAME_PATTERN} and a version like name@3 or name@stable, "
            f"but got {text[:60]!r}"
        )
    return VersionRef(name, *parse_version(which)) if mark else VersionRef(name)
