"""Maps: `map.` Keys come in alphabetical order: JSON promises none."""

from typing import Any

from stretto.expression.errors import EvaluationError
from stretto.expression.functions.calls import Refusal
from stretto.expression.functions.registry import function
from stretto.expression.functions.value_paths import NOTHING, at, path_of
from stretto.expression.functions.value_types import MISSING
from stretto.expression.limits import MAX_DEPTH


@function("map.keys", {"map.keys({'b': 1, 'a': 2})": ["a", "b"]})
def _keys(source: dict[str, Any]) -> list[str]:
    """The keys, in order."""
    return sorted(source)


@function("map.values", {"map.values({'b': 1, 'a': 2})": [2, 1]})
def _values(source: dict[str, Any]) -> list[Any]:
    """The values, in the order of their keys."""
    return [source[key] for key in sorted(source)]


@function("map.entries", {"map.entries({'a': 1})": [{"key": "a", "value": 1}]})
def _entries(source: dict[str, Any]) -> list[Any]:
    """Maps of `key` and `value`, in the order of the keys."""
    return [{"key": key, "value": source[key]} for key in sorted(source)]


@function(
    "map.from_entries",
    {
        "map.from_entries([{'key': 'a', 'value': 1}])": {"a": 1},
        "map.from_entries([['a', 1]])": {"a": 1},
    },
)
def _from_entries(entries: list[Any]) -> dict[str, Any]:
    """The map of some entries: maps of `key` and `value`, or pairs; the last one counts."""
    result: dict[str, Any] = {}
    for entry in entries:
        match entry:
            case {"key": str(key), "value": value} | [str(key), value]:
                result[key] = value
            case _:
                raise Refusal("entries", "entries of a key and a value", entry, "type_mismatch")
    return result


@function(
    "map.get",
    {
        "map.get({'a': {'b': [1, 2]}}, 'a.b[1]')": 2,
        "map.get({'a': 1}, 'a.b', 'none')": "none",
        "map.get({'a': null}, 'a', 0)": None,
        "map.get({'x-y': 1}, '[\"x-y\"]')": 1,
    },
)
def _get(source: Any, path: str, otherwise: Any = MISSING) -> Any:
    """The value at a path that is known only now; where there is none, the third argument."""
    found = at(source, path_of(path))
    if found is not NOTHING:
        return found
    if otherwise is MISSING:
        raise Refusal("path", f"a value at `{path}`", source, "missing_path")
    return otherwise


@function("map.has", {"map.has({'a': {'b': null}}, 'a.b')": True, "map.has({}, 'a')": False})
def _has(source: Any, path: str) -> bool:
    """Whether there is a value at a path, be it null."""
    return at(source, path_of(path)) is not NOTHING


@function(
    "map.merge_deep",
    {
        "map.merge_deep({'a': {'x': 1, 'y': 1}}, {'a': {'y': 2}})": {"a": {"x": 1, "y": 2}},
        "map.merge_deep({'a': [1]}, {'a': [2]})": {"a": [2]},
    },
)
def _merge_deep(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """The fields of both, maps in the same place merged likewise; else the second's counts."""
    return _merged(first, second, 1)


def _merged(first: dict[str, Any], second: dict[str, Any], depth: int) -> dict[str, Any]:
    if depth > MAX_DEPTH:
        raise EvaluationError(
            "too_large",
            f"expected maps at most {MAX_DEPTH} deep for `map.merge_deep`, but got deeper ones",
        )
    result = dict(first)
    for key, value in second.items():
        known = result.get(key)
        both = isinstance(known, dict) and isinstance(value, dict)
        result[key] = _merged(known, value, depth + 1) if both and known else value
    return result


@function("map.compact", {"map.compact({'a': 1, 'b': null})": {"a": 1}})
def _compact(source: dict[str, Any]) -> dict[str, Any]:
    """Without the fields that are null."""
    return {key: value for key, value in source.items() if value is not None}


@function(
    "map.rename",
    {"map.rename({'a': 1, 'b': 2}, {'a': 'x'})": {"x": 1, "b": 2}},
)
def _rename(source: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    """Fields under other names: `names` says the new one by the old one."""
    if not all(isinstance(name, str) for name in names.values()):
        raise Refusal("names", "strings as new names", names, "type_mismatch")
    return {names.get(key, key): value for key, value in source.items()}
