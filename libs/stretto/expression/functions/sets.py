"""Lists as sets: `set.` In linear time, where the language's own `sets.` are quadratic."""

from typing import Any

from stretto.expression.functions.equality import Keys
from stretto.expression.functions.registry import function


@function("set.union", {"set.union([1, 2], [2, 3])": [1, 2, 3]})
def _union(first: list[Any], second: list[Any]) -> list[Any]:
    """What is in one or the other, each once, in order."""
    return list(_by_key(first + second, Keys()).values())


@function("set.intersect", {"set.intersect([3, 2, 1, 2], [1.0, 2])": [2, 1]})
def _intersect(first: list[Any], second: list[Any]) -> list[Any]:
    """What is in both, each once, in the order of the first."""
    keys = Keys()
    others = _by_key(second, keys)
    return [item for key, item in _by_key(first, keys).items() if key in others]


@function("set.difference", {"set.difference([1, 2, 2, 3], [3])": [1, 2]})
def _difference(first: list[Any], second: list[Any]) -> list[Any]:
    """What is in the first and not in the second, each once."""
    keys = Keys()
    others = _by_key(second, keys)
    return [item for key, item in _by_key(first, keys).items() if key not in others]


@function(
    "set.contains_all",
    {"set.contains_all(['gpu', 'cpu'], ['gpu'])": True, "set.contains_all([1], [1, 2])": False},
)
def _contains_all(items: list[Any], wanted: list[Any]) -> bool:
    """Whether all that is wanted is there."""
    keys = Keys()
    return _by_key(wanted, keys).keys() <= _by_key(items, keys).keys()


@function("set.contains_any", {"set.contains_any(['a', 'b'], ['b', 'c'])": True})
def _contains_any(items: list[Any], wanted: list[Any]) -> bool:
    """Whether something of what is wanted is there."""
    keys = Keys()
    return not _by_key(wanted, keys).keys().isdisjoint(_by_key(items, keys))


@function("set.equal", {"set.equal([1, 2, 2], [2, 1])": True})
def _equal(first: list[Any], second: list[Any]) -> bool:
    """Whether both have the same values, however often and in whatever order."""
    keys = Keys()
    return _by_key(first, keys).keys() == _by_key(second, keys).keys()


def _by_key(items: list[Any], keys: Keys) -> dict[Any, Any]:
    first: dict[Any, Any] = {}
    for item in items:
        first.setdefault(keys.of(item), item)
    return first
