"""Text → nodes: YAML (1.2 core schema) or JSON, within limits, every mistake with its place.

libyaml's event stream is read rather than its node graph: the limits hold while the text is being
read, and nothing recurses. Aliases are allowed as often as MAX_ALIASES; what they stand for counts
as if it were written out.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

import yaml

from stretto.definition.limits import (
    MAX_ALIASES,
    MAX_DEPTH,
    MAX_DOCUMENT_BYTES,
    MAX_NODES,
    MAX_TEXT_CHARS,
)
from stretto.definition.mistakes import Report
from stretto.definition.nodes import (
    Mapping,
    Node,
    Path,
    Position,
    Scalar,
    Sequence,
    describe,
    quoted,
)
from stretto.definition.scalars import NotRepresentable, resolve

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C parser where it was built in; the one in Python gives the same events, more slowly."""

_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset({_TAG + name for name in ("int", "float", "bool", "null")})
_CONTAINER_TAGS = {"map": _TAG + "map", "seq": _TAG + "seq"}
_STRING_TAGS = frozenset({"!", _TAG + "str"})

_SURROGATE_PAIR = re.compile(r"\\\\|\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
"""A pair of escapes; an escaped backslash is matched too, so that what follows it is not."""
_START = Position(1, 1)


class _Stop(Exception):
    """A mistake after which reading on makes no sense; it is in the report already."""


def read(text: str, report: Report) -> Node | None:
    """Read one document; None where it cannot be read (the mistakes are in the report)."""
    try:
        _check_text(text, report)
        return _Builder(text, report).build()
    except _Stop:
        return None


def _check_text(text: str, report: Report) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        position = _position_of(text, error.start)
        report.mistake(
            position, (), "yaml", "expected Unicode text, but got a lone surrogate code point"
        )
        raise _Stop from error
    if size > MAX_DOCUMENT_BYTES:
        report.mistake(
            _START,
            (),
            "too_large",
            f"expected a document of at most {MAX_DOCUMENT_BYTES} bytes, but got {size}",
        )
        raise _Stop


def _as_parsed(text: str) -> str:
    """Give the text in the form that the parser takes: no byte order mark, and JSON's surrogate
    pairs (`\\ud83d\\ude00`, which YAML does not know) as one escape."""
    text = text.removeprefix("\ufeff")
    if text.lstrip()[:1] == "{" and "\\u" in text:
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return text
        return _SURROGATE_PAIR.sub(_join_surrogates, text)
    return text


def _join_surrogates(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[0]
    high, low = int(match[1], 16), int(match[2], 16)
    return f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"


class _Open:
    """A list or mapping that is being read."""

    __slots__ = ("anchor", "entries", "items", "key", "keys", "mark")

    def __init__(self, mark: Any, anchor: str | None, *, mapping: bool) -> None:
        self.mark = mark
        self.anchor = anchor
        self.items: list[Node] | None = None if mapping else []
        self.entries: dict[str, Node] = {}
        self.keys: dict[str, Scalar] = {}
        self.key: Node | None = None


class _Builder:
    """Builds the nodes of one document from the events of the parser."""

    def __init__(self, text: str, report: Report) -> None:
        self.text = report.text = _as_parsed(text)
        self.report = report
        self.stack: list[_Open] = []
        self.anchors: dict[str, Node | None] = {}
        self.aliases = 0
        self.nodes = 0
        self.root: Node | None = None
        self.documents = 0

    def build(self) -> Node | None:
        handlers: dict[type[Any], Callable[[Any], None]] = {
            yaml.ScalarEvent: self._take_scalar,
            yaml.MappingStartEvent: self._open,
            yaml.SequenceStartEvent: self._open,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.AliasEvent: self._take_alias,
            yaml.DocumentStartEvent: self._start_document,
        }
        try:
            loader = _Loader(self.text)
            while (event := loader.get_event()) is not None:
                handler = handlers.get(type(event))
                if handler is not None:
                    handler(event)
        except yaml.YAMLError as error:
            self._refuse_syntax(error)
        if self.root is None:
            self._stop(
                _START, "yaml", "expected a mapping with a workflow, but the document is empty"
            )
        return self.root

    def _take_scalar(self, event: Any) -> None:
        self._add(self._scalar(event), event.anchor)

    def _take_alias(self, event: Any) -> None:
        self._add(self._alias(event), None)

    def _start_document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            position = _position(event.start_mark)
            self._stop(position, "yaml", "expected one document, but got a second one")

    def _open(self, event: Any) -> None:
        mapping = isinstance(event, yaml.MappingStartEvent)
        kind = "map" if mapping else "seq"
        if event.tag not in {None, "!", _CONTAINER_TAGS[kind]}:
            self._refuse_tag(event)
        if len(self.stack) >= MAX_DEPTH:
            self._stop(
                _position(event.start_mark),
                "too_deep",
                f"expected values nested at most {MAX_DEPTH} deep, but got more",
            )
        if event.anchor:
            self.anchors[event.anchor] = None
        self.stack.append(_Open(event.start_mark, event.anchor, mapping=mapping))

    def _close(self, _event: Any) -> None:
        frame = self.stack.pop()
        mark = frame.mark
        node: Node
        if frame.items is not None:
            node = Sequence(frame.items, mark.line + 1, mark.column + 1, mark.index)
        else:
            node = Mapping(frame.entries, frame.keys, mark.line + 1, mark.column + 1, mark.index)
        self._add(node, frame.anchor)

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self.anchors[anchor] = node
        if isinstance(node, Scalar):
            self._count(1, node)
        if not self.stack:
            self.root = node
            return
        frame = self.stack[-1]
        if frame.items is not None:
            frame.items.append(node)
        elif frame.key is None:
            frame.key = node
        else:
            key, frame.key = frame.key, None
            self._add_entry(frame, key, node)

    def _add_entry(self, frame: _Open, key: Node, value: Node) -> None:
        name = self._key_name(key)
        if name is None:
            return
        assert isinstance(key, Scalar)
        if name in frame.entries:
            self.report.mistake(
                key,
                (*self._path(), name),
                "duplicate_key",
                f"expected each key once, but {quoted(name)} was given in line "
                f"{frame.keys[name].line} already",
            )
        else:
            frame.entries[name] = value
            frame.keys[name] = key

    def _key_name(self, key: Node) -> str | None:
        """Give the text of a key; a mistake, but its text, for a number or the like."""
        if isinstance(key, Scalar) and isinstance(key.value, str):
            return key.value
        text = json.dumps(key.value) if isinstance(key, Scalar) else None
        self.report.mistake(
            key,
            self._path(),
            "bad_key",
            f"expected a key to be a string, but got {describe(key)}",
            f'write "{text}" in quotes' if text else "",
        )
        return text

    def _path(self) -> Path:
        """Where the innermost open value stands."""
        parts: list[str | int] = []
        for frame in self.stack[:-1]:
            if frame.items is not None:
                parts.append(len(frame.items))
            elif isinstance(frame.key, Scalar) and isinstance(frame.key.value, str):
                parts.append(frame.key.value)
        return tuple(parts)

    def _scalar(self, event: Any) -> Scalar:
        mark = event.start_mark
        value: str | int | float | bool | None = event.value
        plain = event.implicit[0] and event.tag is None
        if event.tag in _PLAIN_TAGS:
            plain = True
        elif event.tag is not None and event.tag not in _STRING_TAGS:
            self._refuse_tag(event)
        if plain:
            try:
                value = resolve(event.value)
            except NotRepresentable as error:
                self.report.mistake(_position(mark), self._value_path(), "out_of_range", str(error))
        if isinstance(value, str) and len(value) > MAX_TEXT_CHARS:
            self._stop(
                _position(mark),
                "too_large",
                f"expected a string of at most {MAX_TEXT_CHARS} characters, but got {len(value)}",
            )
        if isinstance(value, str) and "\0" in value:
            self.report.mistake(
                _position(mark),
                self._value_path(),
                "bad_value",
                "expected text, but it holds the character U+0000",
            )
        style = "" if event.style is None else event.style
        return Scalar(value, mark.line + 1, mark.column + 1, mark.index, style)

    def _value_path(self) -> Path:
        """Where the value that comes next will stand."""
        path = self._path()
        if not self.stack:
            return path
        frame = self.stack[-1]
        if frame.items is not None:
            return (*path, len(frame.items))
        if isinstance(frame.key, Scalar) and isinstance(frame.key.value, str):
            return (*path, frame.key.value)
        return path

    def _alias(self, event: Any) -> Node:
        position = _position(event.start_mark)
        self.aliases += 1
        if self.aliases > MAX_ALIASES:
            self._stop(
                position, "too_large", f"expected at most {MAX_ALIASES} aliases, but got more"
            )
        if event.anchor not in self.anchors:
            self._stop(
                position, "yaml", f"expected an anchor &{event.anchor} before, but there is none"
            )
        node = self.anchors[event.anchor]
        if node is None:
            self._stop(
                position,
                "yaml",
                f"expected the alias *{event.anchor} to stand outside its anchor, but it is inside",
            )
        self._count(node.size, position)
        return node

    def _count(self, nodes: int, at: Node | Position) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            self._stop(
                at if isinstance(at, Position) else at.position,
                "too_large",
                f"expected at most {MAX_NODES} values, aliases written out, but got more",
            )

    def _refuse_tag(self, event: Any) -> None:
        self.report.mistake(
            _position(event.start_mark),
            self._value_path(),
            "yaml",
            f"expected no tag, but got {quoted(event.tag)}",
        )

    def _stop(self, position: Position, code: str, reason: str, suggestion: str = "") -> NoReturn:
        self.report.mistake(position, (), code, reason, suggestion)
        raise _Stop

    def _refuse_syntax(self, error: yaml.YAMLError) -> None:
        problem, position = _syntax_problem(error, self.text)
        reason = f"expected the document to be YAML or JSON, but {problem}"
        self._stop(position, "yaml", reason, _syntax_hint(problem, self.text, position))


def _position(mark: Any) -> Position:
    return Position(mark.line + 1, mark.column + 1)


def _position_of(text: str, offset: int) -> Position:
    line = text.count("\n", 0, offset)
    return Position(line + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1)


def _syntax_problem(error: yaml.YAMLError, text: str) -> tuple[str, Position]:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        position = _position(mark) if mark else _START
        return error.problem or error.context or "it is not", position
    assert isinstance(error, yaml.reader.ReaderError)
    return error.reason, _position_of(text, error.position)


def _syntax_hint(problem: str, text: str, position: Position) -> str:
    lines = text.split("\n")
    around = "\n".join(lines[max(0, position.line - 2) : position.line])
    if "${{" in around:
        return 'put the expression in quotes: "${{ … }}"'
    if "\t" in around:
        return "indent with spaces, not with tabs"
    if "mapping values are not allowed" in problem:
        return "put text that holds a colon in quotes"
    return ""
