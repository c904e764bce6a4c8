"""What others rely on in a message: which fields there are, of which type, which are always there.

A shape is flat, with `!` for what is always there, `[]` for the items of a list and `{}` for the
values of a map: `{"tasks": "array!", "tasks[].id": "string!", "status": "string: done, failed"}`.

What may change: fields are added that need not be there, and words to those that a field may have.
Nothing else: not a name, not a type, not whether a field is always there (who writes an optional
field later always must not make readers fail on what older builds wrote, and the other way round).
"""

from collections.abc import Iterator, Mapping
from typing import Any

Shape = dict[str, str]

ANY = "any"
_ALWAYS = "!"
_WORDS = "string: "


def shape_of(schema: Mapping[str, Any]) -> Shape:
    """Return the shape of a message's schema, as `schema.schema_of` writes it."""
    return dict(sorted(_fields(schema, schema, "")))


def _fields(whole: Mapping[str, Any], part: Mapping[str, Any], above: str) -> Iterator[Any]:
    required = set(part.get("required", ()))
    for name, field in part.get("properties", {}).items():
        path = f"{above}{name}"
        yield path, _type(whole, field) + (_ALWAYS if name in required else "")
        yield from _inside(whole, field, path)


def _inside(whole: Mapping[str, Any], field: Mapping[str, Any], path: str) -> Iterator[Any]:
    for each in _alternatives(whole, field):
        yield from _fields(whole, each, f"{path}.")
        for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
            if key in each:
                yield f"{path}{mark}", _type(whole, each[key])
                yield from _inside(whole, each[key], f"{path}{mark}")


def _alternatives(whole: Mapping[str, Any], field: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if "$ref" in field:
        return [whole["$defs"][field["$ref"].rpartition("/")[2]]]
    if "anyOf" in field:
        return [each for one in field["anyOf"] for each in _alternatives(whole, one)]
    return [field]


def _type(whole: Mapping[str, Any], field: Mapping[str, Any]) -> str:
    kinds = set()
    for each in _alternatives(whole, field):
        if "enum" in each:
            return _WORDS + ", ".join(sorted(each["enum"]))
        said = each.get("type", ANY)
        kinds |= {said} if isinstance(said, str) else set(said)
    return "|".join(sorted(kinds))


def broken(promised: Mapping[str, Shape], now: Mapping[str, Shape]) -> list[str]:
    """Say what was promised and is not kept, a sentence each; empty: changes only add."""
    return [
        sentence
        for message, shape in promised.items()
        for sentence in (
            _broken_in(message, shape, now[message])
            if message in now
            else [f"expected {message} to stay, but it is gone"]
        )
    ]


def _broken_in(message: str, promised: Shape, now: Shape) -> Iterator[str]:
    for field, was in promised.items():
        if field not in now:
            yield f"expected {message} to keep {field!r}, but it is gone"
        elif not _widens(was, now[field]):
            yield f"expected {field!r} of {message} to stay {was!r}, but it is {now[field]!r}"
    for field, kind in now.items():
        if field not in promised and kind.endswith(_ALWAYS) and _known(field, promised):
            yield f"expected the new {field!r} of {message} to be optional, but it is required"


def _known(field: str, promised: Shape) -> bool:
    """Whether what holds a field was there before: what is new may have fields that must be."""
    above, separator, _ = field.rpartition(".")
    return not separator or above in promised


def _widens(was: str, now: str) -> bool:
    """Whether nothing changed, or words were added to those that a field may have."""
    if was == now:
        return True
    same_ends = was.endswith(_ALWAYS) == now.endswith(_ALWAYS)
    if not (same_ends and was.startswith(_WORDS) and now.startswith(_WORDS)):
        return False
    return _words(was) <= _words(now)


def _words(kind: str) -> set[str]:
    return set(kind.removeprefix(_WORDS).removesuffix(_ALWAYS).split(", "))


def extended(promised: Mapping[str, Shape], now: Mapping[str, Shape]) -> dict[str, Shape]:
    """Return what is promised from now on, where nothing is `broken`."""
    return dict(sorted({**promised, **now}.items()))
