"""Shapes: what a place of the document may hold. Each reads a node and writes its JSON Schema.

The two halves stand side by side, so that what an editor completes and what is accepted here cannot
drift apart. `read` gives the value, or None after it has reported what is wrong; a shape never
raises and never stops at the first mistake.
"""

import re
from collections.abc import Callable
from collections.abc import Mapping as Map
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from stretto.definition.limits import MAX_NAME_CHARS
from stretto.definition.mistakes import Report
from stretto.definition.nodes import (
    Json,
    Mapping,
    Node,
    Path,
    Scalar,
    Sequence,
    describe,
    quoted,
)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Schema = dict[str, Any]
"""A JSON Schema (2020-12) as data."""


class Located(NamedTuple, Generic[T]):
    """A value and where it stands."""

    value: T
    node: Node
    path: Path


class Shape(Protocol[T_co]):
    """What a place may hold."""

    def read(self, node: Node, path: Path, report: Report) -> T_co | None: ...

    def schema(self) -> Schema: ...


class Field(NamedTuple):
    """A named part of a record. `hint` is the reason why a field that is known is not accepted."""

    shape: Shape[Any]
    description: str
    required: bool = False


def wrong_type(node: Node, path: Path, report: Report, expected: str, hint: str = "") -> None:
    """Report a value of another type than `expected` ("a list of names")."""
    report.mistake(node, path, "wrong_type", f"expected {expected}, but got {describe(node)}", hint)


class Text:
    """A string of at most `max_chars`, not empty unless allowed."""

    def __init__(self, what: str, max_chars: int, *, empty: bool = False) -> None:
        self.what = what
        self.max_chars = max_chars
        self.empty = empty

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
            wrong_type(node, path, report, self.what, later_hint(node))
            return None
        assert isinstance(value, int | float)
        if not self.least <= value <= self.most:
            report.mistake(
                node,
                path,
                "out_of_range",
                f"expected {self.what} from {self.least:g} to {self.most:g}, but got {value}",
            )
            return None
        return value if self.whole else float(value)

    def schema(self) -> Schema:
        kind = "integer" if self.whole else "number"
        return {"type": kind, "minimum": self.least, "maximum": self.most}


class Choice:
    """One of a few words."""

    def __init__(self, what: str, words: Map[str, str]) -> None:
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


class Placed(Generic[T]):
    """A value of a shape together with its place."""

    def __init__(self, shape: Shape[T]) -> None:
        self.shape = shape

    def read(self, node: Node, path: Path, report: Report) -> Located[T] | None:
        value = self.shape.read(node, path, report)
        return None if value is None else Located(value, node, path)

    def schema(self) -> Schema:
        return self.shape.schema()


class ListOf(Generic[T]):
    """A list; where `lone` is set, a single value stands for a list of one."""

    def __init__(self, what: str, shape: Shape[T], most: int, *, lone: bool = False) -> None:
        self.what = what
        self.shape = shape
        self.most = most
        self.lone = lone

    def read(self, node: Node, path: Path, report: Report) -> list[T] | None:
        if not isinstance(node, Sequence):
            if self.lone and isinstance(node, Scalar) and isinstance(node.value, str):
                value = self.shape.read(node, path, report)
                return None if value is None else [value]
            wrong_type(node, path, report, self.what)
            return None
        if len(node.items) > self.most:
            report.mistake(
                node,
                path,
                "too_large",
                f"expected {self.what} of at most {self.most}, but got {len(node.items)}",
            )
            return None
        values = (
            self.shape.read(item, (*path, index), report) for index, item in enumerate(node.items)
        )
        return [value for value in values if value is not None]

    def schema(self) -> Schema:
        inner = self.shape.schema()
        many: Schema = {"type": "array", "items": inner, "maxItems": self.most}
        return {"anyOf": [inner, many]} if self.lone else many


class MapOf(Generic[T]):
    """Values of one shape by name."""

    def __init__(self, what: str, key: Name, shape: Shape[T], most: int) -> None:
        self.what = what
        self.key = key
        self.shape = shape
        self.most = most

    def read(self, node: Node, path: Path, report: Report) -> dict[str, T] | None:
        if not isinstance(node, Mapping):
            wrong_type(node, path, report, self.what)
            return None
        if len(node.entries) > self.most:
            report.mistake(
                node,
                path,
                "too_large",
                f"expected {self.what} of at most {self.most}, but got {len(node.entries)}",
            )
            return None
        found: dict[str, T] = {}
        for name, value in node.entries.items():
            inner = (*path, name)
            named = self.key.check(name, node.key(name), inner, report)
            read = self.shape.read(value, inner, report)
            if named and read is not None:
                found[name] = read
        return found

    def schema(self) -> Schema:
        return {
            "type": "object",
            "propertyNames": self.key.schema(),
            "additionalProperties": self.shape.schema(),
            "maxProperties": self.most,
        }


class Record(Generic[T]):
    """A mapping of known fields, read into `make(**values)`; fields left out are not passed.

    `check` looks at the whole once its fields are read.
    """

    def __init__(
        self,
        what: str,
        make: Callable[..., T],
        fields: Map[str, Field],
        check: Callable[[T, Mapping, Path, Report], None] | None = None,
    ) -> None:
        self.what = what
        self.make = make
        self.fields = fields
        self.check = check

    def read(self, node: Node, path: Path, report: Report) -> T | None:
        if not isinstance(node, Mapping):
            wrong_type(node, path, report, self.what)
            return None
        unknown_keys(node, path, report, self.fields, {})
        values, complete = read_fields(node, path, report, self.fields, self.what)
        if not complete:
            return None
        made = self.make(**values)
        if self.check is not None:
            self.check(made, node, path, report)
        return made

    def schema(self) -> Schema:
        return record_schema(self.fields)


class Short(Generic[T]):
    """A record, or a short form of it: what is not a mapping is read by `short` and made a record
    by `expand`."""

    def __init__(self, record: Shape[T], short: Shape[Any], expand: Callable[[Any], T]) -> None:
        self.record = record
        self.short = short
        self.expand = expand

    def read(self, node: Node, path: Path, report: Report) -> T | None:
        if isinstance(node, Mapping):
            return self.record.read(node, path, report)
        value = self.short.read(node, path, report)
        return None if value is None else self.expand(value)

    def schema(self) -> Schema:
        return {"anyOf": [self.short.schema(), self.record.schema()]}


class Value:
    """Any JSON value; `what` other than None asks for a mapping ("a mapping of inputs")."""

    def __init__(self, mapping: str | None = None) -> None:
        self.mapping = mapping

    def read(self, node: Node, path: Path, report: Report) -> Node | None:
        if self.mapping is not None and not isinstance(node, Mapping):
            wrong_type(node, path, report, self.mapping)
            return None
        return node

    def schema(self) -> Schema:
        return {"type": "object"} if self.mapping is not None else {}


def read_fields(
    node: Mapping, path: Path, report: Report, fields: Map[str, Field], what: str
) -> tuple[dict[str, Any], bool]:
    """Read the known fields of a mapping; tell also whether all that are required are right."""
    values: dict[str, Any] = {}
    complete = True
    for name, field in fields.items():
        entry = node.entries.get(name)
        if entry is None:
            if field.required:
                report.mistake(
                    node, path, "missing", f"expected {what} to have {quoted(name)}, but it has not"
                )
                complete = False
            continue
        value = field.shape.read(entry, (*path, name), report)
        if value is not None:
            values[name] = value
        elif field.required:
            complete = False
    return values, complete


def unknown_keys(
    node: Mapping, path: Path, report: Report, known: Map[str, object], upcoming: Map[str, str]
) -> list[str]:
    """Report keys that are not known, with the one that was probably meant; give those keys.

    `upcoming` are keys that the language will have: name → what it is.
    """
    strange = [name for name in node.entries if name not in known]
    for name in strange:
        at, inner = node.key(name), (*path, name)
        if name in upcoming:
            report.mistake(
                at,
                inner,
                "not_supported",
                f"expected a key that this version knows, but {quoted(name)} ({upcoming[name]}) "
                "is not supported by this version",
            )
        elif name == "<<":
            report.mistake(
                at,
                inner,
                "unknown_key",
                "expected a known key, but merge keys are not part of YAML 1.2",
                "write the keys out, or give the whole value by an alias",
            )
        else:
            meant = report.meant(name, known)
            report.mistake(
                at, inner, "unknown_key", f"expected a known key, but got {quoted(name)}",
                meant or _known_hint(known),
            )  # fmt: skip
    return strange


_MAX_HINTED_KEYS = 20
"""More keys than this are not listed in a suggestion."""


def _known_hint(known: Map[str, object]) -> str:
    return f"known are {', '.join(known)}" if 0 < len(known) <= _MAX_HINTED_KEYS else ""


def record_schema(fields: Map[str, Field]) -> Schema:
    """Write the JSON Schema of a mapping of known fields."""
    schema: Schema = {
        "type": "object",
        "properties": {
            name: {"description": field.description, **field.shape.schema()}
            for name, field in fields.items()
        },
        "additionalProperties": False,
    }
    required = [name for name, field in fields.items() if field.required]
    return schema | ({"required": required} if required else {})


def later_hint(node: Node) -> str:
    """Say that expressions are not yet allowed in a place that will allow them."""
    if isinstance(node, Scalar) and isinstance(node.value, str) and "${{" in node.value:
        return "expressions are not supported here by this version"
    return ""


def _quote_hint(node: Node) -> str:
    if isinstance(node, Scalar) and isinstance(node.value, bool | int | float):
        return f'write "{msgspec.json.encode(node.value).decode()}" in quotes'
    return ""


def json_of(node: Node) -> bytes:
    """Write a value as JSON."""
    data: Json = node.data
    return msgspec.json.encode(data)
