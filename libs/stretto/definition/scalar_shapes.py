"""Shapes of single values: texts, names, flags, numbers and choices."""

import re
from collections.abc import Callable, Mapping

import msgspec

from stretto.definition.limits import MAX_NAME_CHARS
from stretto.definition.mistakes import Report
from stretto.definition.nodes import Node, Path, Scalar, describe, quoted
from stretto.definition.shapes import Schema, constant_hint, wrong_type


class Text:
    """A string of at most `max_chars`, not empty unless allowed. `constant`: something is compared
    with it, or it is told as it stands, so that an expression in it would not be noticed."""

    def __init__(
        self, what: str, max_chars: int, *, empty: bool = False, constant: bool = False
    ) -> None:
        self.what = what
        self.max_chars = max_chars
        self.empty = empty
        self.constant = constant

    def read(self, node: Node, path: Path, report: Report) -> str | None:
        value = node.value if isinstance(node, Scalar) else None
        if not isinstance(value, str):
            wrong_type(node, path, report, self.what, _quote_hint(node))
            return None
        if len(value) > self.max_chars:
            report.mistake(
                node,
                path,
                "too_large",
                f"expected {self.what} of at most {self.max_chars} characters, "
                f"but got {len(value)}",
            )
            return None
        if not value and not self.empty:
            report.mistake(node, path, "bad_value", f"expected {self.what}, but it is empty")
            return None
        if self.constant and (hint := constant_hint(node)):
            message = f"expected {self.what}, but got {quoted(value)}"
            report.mistake(node, path, "bad_value", message, hint)
            return None
        return value

    def schema(self) -> Schema:
        least = {} if self.empty else {"minLength": 1}
        return {"type": "string", "maxLength": self.max_chars, **least}


class Name:
    """A string that fits a pattern. `rule` says the pattern in words; `repair` makes a suggestion
    of a string that does not fit."""

    def __init__(self, what: str, pattern: str, rule: str, repair: Callable[[str], str]) -> None:
        self.what = what
        self.pattern = pattern
        self.rule = rule
        self.repair = repair
        self._matches = re.compile(pattern).fullmatch

    def read(self, node: Node, path: Path, report: Report) -> str | None:
        value = node.value if isinstance(node, Scalar) else None
        if not isinstance(value, str):
            wrong_type(node, path, report, self.what, _quote_hint(node))
            return None
        return value if self.check(value, node, path, report) else None

    def check(self, value: str, node: Node, path: Path, report: Report) -> bool:
        """Tell whether a string is such a name; report why not."""
        if len(value) > MAX_NAME_CHARS:
            report.mistake(
                node,
                path,
                "too_large",
                f"expected {self.what} of at most {MAX_NAME_CHARS} characters, "
                f"but got {len(value)}",
            )
            return False
        if self._matches(value) is None:
            repaired = self.repair(value)
            hint = f"write {quoted(repaired)}" if self._matches(repaired) else ""
            hint = constant_hint(node) or hint
            report.mistake(
                node,
                path,
                "bad_name",
                f"expected {self.what} ({self.rule}), but got {quoted(value)}",
                hint,
            )
            return False
        return True

    def schema(self) -> Schema:
        return {"type": "string", "pattern": f"^{self.pattern}$", "maxLength": MAX_NAME_CHARS}


class Flag:
    """`true` or `false`."""

    def read(self, node: Node, path: Path, report: Report) -> bool | None:
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        text = (
            node.value.lower() if isinstance(node, Scalar) and isinstance(node.value, str) else ""
        )
        hint = {"yes": "write true", "on": "write true", "no": "write false", "off": "write false"}
        wrong_type(node, path, report, "true or false", hint.get(text, ""))
        return None

    def schema(self) -> Schema:
        return {"type": "boolean"}


class Number:
    """A number from `least` to `most`, whole where asked for."""

    def __init__(self, what: str, least: float, most: float, *, whole: bool = False) -> None:
        self.what = what
        self.least = least
        self.most = most
        self.whole = whole

    def read(self, node: Node, path: Path, report: Report) -> float | None:
        value = node.value if isinstance(node, Scalar) else None
        right = int if self.whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, right):
            wrong_type(node, path, report, self.what, constant_hint(node))
            return None
        assert isinstance(value, int | float)
        if not self.least <= value <= self.most:
            report.mistake(
                node,
                path,
                "out_of_range",
                f"expected {self.what} from {self.least:.15g} to {self.most:.15g}, but got {value}",
            )
            return None
        return value if self.whole else float(value)

    def schema(self) -> Schema:
        kind = "integer" if self.whole else "number"
        return {"type": kind, "minimum": self.least, "maximum": self.most}


class Choice:
    """One of a few words."""

    def __init__(self, what: str, words: Mapping[str, str]) -> None:
        self.what = what
        self.words = words

    def read(self, node: Node, path: Path, report: Report) -> str | None:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, str) and value in self.words:
            return value
        report.mistake(
            node,
            path,
            "bad_value",
            f"expected {self.what} ({' or '.join(self.words)}), but got {describe(node)}",
            report.meant(value, self.words) if isinstance(value, str) else "",
        )
        return None

    def schema(self) -> Schema:
        return {
            "oneOf": [{"const": word, "description": text} for word, text in self.words.items()]
        }


def _quote_hint(node: Node) -> str:
    if isinstance(node, Scalar) and isinstance(node.value, bool | int | float):
        return f'write "{msgspec.json.encode(node.value).decode()}" in quotes'
    return ""
