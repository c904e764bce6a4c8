"""Lists: `list.`"""

import math
from collections.abc import Callable, Iterable
from typing import Any, Literal

from stretto.expression.errors import EvaluationError
from stretto.expression.functions.calls import Refusal
from stretto.expression.functions.equality import Keys
from stretto.expression.functions.registry import function
from stretto.expression.functions.value_paths import NOTHING, at, path_of
from stretto.expression.limits import MAX_DEPTH, MAX_RESULT_NODES

_Order = Literal["asc", "desc"]


@function(
    "list.flatten",
    {
        "list.flatten([1, [2, [3]]])": [1, 2, [3]],
        "list.flatten([1, [2, [3]]], 2)": [1, 2, 3],
    },
)
def _flatten(items: list[Any], depth: int = 1) -> list[Any]:
    """The items of the lists inside, in place of those lists, so many levels deep."""
    if not 0 <= depth <= MAX_DEPTH:
        raise Refusal("depth", f"0 to {MAX_DEPTH}", depth)
    for _ in range(depth):
        if not any(isinstance(item, list) for item in items):
            break
        items = _flattened(items)
    return items


def _flattened(items: list[Any]) -> list[Any]:
    flat: list[Any] = []
    for item in items:
        if isinstance(item, list):
            flat += item
        else:
            flat.append(item)
        if len(flat) > MAX_RESULT_NODES:
            raise EvaluationError(
                "too_large",
                f"expected a result of `list.flatten` of at most {MAX_RESULT_NODES} values, "
                "but it has more",
            )
    return flat


@function(
    "list.distinct",
    {"list.distinct([3, 1, 3.0, 1])": [3, 1], "list.distinct([{'a': 1}, {'a': 1}])": [{"a": 1}]},
)
def _distinct(items: list[Any]) -> list[Any]:
    """Each value once, where it comes first."""
    keys = Keys()
    first: dict[Any, Any] = {}
    for item in items:
        first.setdefault(keys.of(item), item)
    return list(first.values())


@function("list.chunk", {"list.chunk([1, 2, 3], 2)": [[1, 2], [3]]})
def _chunk(items: list[Any], size: int) -> list[Any]:
    """Lists of so many items; the last may have fewer."""
    if size < 1:
        raise Refusal("size", "at least 1", size)
    return [items[start : start + size] for start in range(0, len(items), size)]


@function("list.zip", {"list.zip(['a', 'b', 'c'], [1, 2])": [["a", 1], ["b", 2]]})
def _zip(first: list[Any], second: list[Any]) -> list[Any]:
    """Pairs of the items at the same place, as many as the shorter list has."""
    return [list(pair) for pair in zip(first, second, strict=False)]


@function("list.take", {"list.take([1, 2, 3], 2)": [1, 2]})
def _take(items: list[Any], count: int) -> list[Any]:
    """The first so many items."""
    return items[: max(0, count)]


@function("list.drop", {"list.drop([1, 2, 3], 2)": [3]})
def _drop(items: list[Any], count: int) -> list[Any]:
    """All but the first so many items."""
    return items[max(0, count) :]


@function("list.compact", {"list.compact([1, null, 2])": [1, 2]})
def _compact(items: list[Any]) -> list[Any]:
    """Without nulls."""
    return [item for item in items if item is not None]


@function("list.index_of", {"list.index_of(['a', 'b'], 'b')": 1, "list.index_of([], 1)": -1})
def _index_of(items: list[Any], value: Any) -> int:
    """Where a value is first, from 0; -1 where it is not there."""
    keys = Keys()
    wanted = keys.of(value)
    return next((n for n, item in enumerate(items) if keys.of(item) == wanted), -1)


@function("list.sum", {"list.sum([1, 2, 3])": 6, "list.sum([0.5, 1])": 1.5, "list.sum([])": 0})
def _sum(numbers: list[int | float]) -> int | float:
    """The sum; exact, rounded once at the end where there is a fraction."""
    if any(isinstance(number, float) for number in numbers):
        return _exact(numbers)
    return sum(numbers)


def _exact(numbers: Iterable[int | float]) -> float:
    try:
        return math.fsum(numbers)
    except OverflowError:
        return math.inf  # refused like any other


@function("list.avg", {"list.avg([1, 2])": 1.5})
def _avg(numbers: list[int | float]) -> float:
    """The mean of at least one number."""
    if not numbers:
        raise Refusal("numbers", "at least one number", numbers)
    return _exact(numbers) / len(numbers)


@function("list.min", {"list.min([3, 1.5])": 1.5, "list.min(['b', 'a'])": "a"})
def _min(items: list[Any]) -> Any:
    """The least of at least one number or string."""
    return _best(min, items)


@function("list.max", {"list.max([3, 1.5])": 3})
def _max(items: list[Any]) -> Any:
    """The greatest of at least one number or string."""
    return _best(max, items)


def _best(choose: Callable[[list[Any]], Any], items: list[Any]) -> Any:
    if not items:
        raise Refusal("items", "at least one item", items)
    _check_order(items, items)
    return choose(items)


@function(
    "list.sort",
    {"list.sort([2, 1.5, 3])": [1.5, 2, 3], "list.sort(['a', 'b'], 'desc')": ["b", "a"]},
)
def _sort(items: list[Any], order: _Order = "asc") -> list[Any]:
    """In order; the items are all numbers, all strings or all bools."""
    _check_order(items, items)
    return sorted(items, reverse=order == "desc")


@function(
    "list.sort_by",
    {
        "list.sort_by([{'n': 2}, {'n': 1}, {}], 'n')": [{"n": 1}, {"n": 2}, {}],
        "list.sort_by([{'a': {'b': 'x'}}, {'a': {'b': 'y'}}], 'a.b', 'desc')": [
            {"a": {"b": "y"}},
            {"a": {"b": "x"}},
        ],
    },
)
def _sort_by(items: list[Any], path: str, order: _Order = "asc") -> list[Any]:
    """In order of the value at a path; where it is missing or null, last; equal ones stay."""
    steps = path_of(path)
    keyed = [(at(item, steps), item) for item in items]
    there = [pair for pair in keyed if pair[0] is not NOTHING and pair[0] is not None]
    rest = [item for key, item in keyed if key is NOTHING or key is None]
    _check_order([key for key, _ in there], items)
    there.sort(key=lambda pair: pair[0], reverse=order == "desc")
    return [item for _, item in there] + rest


def _check_order(keys: list[Any], items: list[Any]) -> None:
    kinds = {
        float if isinstance(key, int) and key is not True and key is not False else type(key)
        for key in keys
    }
    if len(kinds) > 1 or not kinds <= {float, str, bool}:
        raise Refusal(
            "items",
            "values of one kind to compare (numbers, strings, bools)",
            items,
            "type_mismatch",
        )


@function(
    "list.group_by",
    {
        "list.group_by([{'c': 'eu', 'n': 1}, {'c': 'us'}, {'c': 'eu'}], 'c')": {
            "eu": [{"c": "eu", "n": 1}, {"c": "eu"}],
            "us": [{"c": "us"}],
        }
    },
)
def _group_by(items: list[Any], path: str) -> dict[str, list[Any]]:
    """The items by the text at a path (numbers and bools as text); each has to have one."""
    groups: dict[str, list[Any]] = {}
    for item, key in _named(items, path):
        groups.setdefault(key, []).append(item)
    return groups


@function(
    "list.count_by",
    {"list.count_by([{'c': 'eu'}, {'c': 'us'}, {'c': 'eu'}], 'c')": {"eu": 2, "us": 1}},
)
def _count_by(items: list[Any], path: str) -> dict[str, int]:
    """How many items there are by the text at a path."""
    counts: dict[str, int] = {}
    for _, key in _named(items, path):
        counts[key] = counts.get(key, 0) + 1
    return counts


@function(
    "list.index_by",
    {"list.index_by([{'id': 'a', 'n': 1}, {'id': 'b'}], 'id').a": {"id": "a", "n": 1}},
)
def _index_by(items: list[Any], path: str) -> dict[str, Any]:
    """The items by the text at a path; of several with the same, the last."""
    return {key: item for item, key in _named(items, path)}


def _named(items: list[Any], path: str) -> list[tuple[Any, str]]:
    steps = path_of(path)
    return [(item, _key_text(at(item, steps), items, path)) for item in items]


def _key_text(key: Any, items: list[Any], path: str) -> str:
    match key:
        case str():
            return key
        case bool():
            return "true" if key else "false"
        case int() | float():
            return str(int(key)) if float(key).is_integer() else repr(key)
    raise Refusal(
        "items", f"a string, number or bool at `{path}` of each item", items, "type_mismatch"
    )


@function(
    "list.pluck",
    {"list.pluck([{'a': {'b': 1}}, {}], 'a.b')": [1, None]},
)
def _pluck(items: list[Any], path: str) -> list[Any]:
    """The value at a path of each item, null where there is none."""
    steps = path_of(path)
    return [None if (found := at(item, steps)) is NOTHING else found for item in items]
