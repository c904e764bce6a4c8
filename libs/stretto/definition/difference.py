"""What changed between two versions of a definition: steps, and fields, one by one.

Works on the documents, templates written out, not on the graphs: what is told is what people wrote.
"""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from stretto.definition.kinds import KINDS
from stretto.definition.mistakes import Report
from stretto.definition.nodes import Path, path_text, quoted
from stretto.definition.yaml_reader import read

What = Literal["added", "removed", "changed"]

_MISSING: Any = object()

STEPS = "steps"


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One difference. `step` is the path of the step that it is about (`ship.pack`), or None for
    the document; `field` the place in it (`retry.max_attempts`), empty for the step as a whole."""

    what: What
    step: str | None = None
    field: str = ""
    before: Any = None
    after: Any = None


def document_of(definition: dict[str, Any]) -> dict[str, Any]:
    """The document of a version as `workflow.definition` answers it, templates written out."""
    expanded = definition.get("expanded")
    if isinstance(expanded, dict):
        return expanded
    node = read(str(definition["source"]), Report(""))
    data = None if node is None else node.data
    assert isinstance(data, dict), "what is registered is a mapping"
    return data


def difference(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """Compare two documents: the document's own fields first, then its steps in order."""
    return list(_scope(before, after, ()))


def _scope(
    before: dict[str, Any], after: dict[str, Any], steps: tuple[str, ...]
) -> Iterator[Change]:
    """Compare two documents, or two steps."""
    step = ".".join(steps) or None
    for key in _keys(before, after):
        if key == STEPS and _are_steps(before.get(key), after.get(key)):
            continue
        yield from _field(step, (key,), before.get(key, _MISSING), after.get(key, _MISSING))
    if _are_steps(before.get(STEPS), after.get(STEPS)):
        yield from _steps(before.get(STEPS) or {}, after.get(STEPS) or {}, steps)


def _are_steps(*values: Any) -> bool:
    return all(value is None or isinstance(value, dict) for value in values)


def _steps(
    before: dict[str, Any], after: dict[str, Any], outer: tuple[str, ...]
) -> Iterator[Change]:
    for name in _keys(before, after):
        steps = (*outer, name)
        path = ".".join(steps)
        if name not in after:
            yield Change(what="removed", step=path, before=before[name])
        elif name not in before:
            yield Change(what="added", step=path, after=after[name])
        elif isinstance(before[name], dict) and isinstance(after[name], dict):
            yield from _scope(before[name], after[name], steps)
        else:
            yield from _field(path, (), before[name], after[name])


def _field(step: str | None, path: Path, before: Any, after: Any) -> Iterator[Change]:
    """Compare two values, mappings key by key."""
    field = path_text(path)
    if before is _MISSING:
        yield Change(what="added", step=step, field=field, after=after)
    elif after is _MISSING:
        yield Change(what="removed", step=step, field=field, before=before)
    elif isinstance(before, dict) and isinstance(after, dict):
        for key in _keys(before, after):
            inner = (*path, key)
            yield from _field(step, inner, before.get(key, _MISSING), after.get(key, _MISSING))
    elif _differ(before, after):
        yield Change(what="changed", step=step, field=field, before=before, after=after)


def _differ(before: Any, after: Any) -> bool:
    """Whether two values are not the same as JSON: `1` is not `true`, nor `1.0`."""
    return msgspec.json.encode(before) != msgspec.json.encode(after)


def _keys(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The keys of both: those of the second in its order, with what is gone where it stood."""
    keys = list(after)
    for index, key in enumerate(before):
        if key not in after:
            keys.insert(min(index, len(keys)), key)
    return keys


MAX_SHOWN_CHARS = 100
"""A value is shown in a line up to here."""


def told(change: Change) -> str:
    """Say a change in a line, for people: `~ charge.retry.max_attempts: 3 → 5`."""
    place = ": ".join(part for part in (change.step, change.field) if part)
    match change.what:
        case "added":
            return f"+ {place}{_value(change.after, change)}"
        case "removed":
            return f"- {place}{_value(change.before, change)}"
        case _:
            return f"~ {place}: {shown(change.before)} → {shown(change.after)}"


def _value(value: Any, change: Change) -> str:
    if not change.field and isinstance(value, dict):
        return f" ({_kind(value)})"
    return f": {shown(value)}"


def _kind(step: dict[str, Any]) -> str:
    kind = next((key for key in step if key in KINDS), "step")
    value = step.get(kind)
    return f"{kind} {value}" if isinstance(value, str) else kind


def shown(value: Any) -> str:
    """Write a value on one line, cut."""
    if isinstance(value, str):
        return quoted(value)
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= MAX_SHOWN_CHARS else text[: MAX_SHOWN_CHARS - 1] + "…"
