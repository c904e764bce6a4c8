"""When two JSON values are the same, as something that can be looked up.

Numbers are the same by value (1 and 1.0), maps whatever the order of their fields; true is not 1.
"""

from collections.abc import Hashable
from typing import Any

from stretto.expression.errors import EvaluationError
from stretto.expression.limits import MAX_DEPTH, MAX_VALUE_NODES

__all__ = ["Keys"]


class Keys:
    """Makes keys of values; two values have the same key if they are the same.

    One for each call of a function: it counts what it has looked at, O(n) over all values.
    """

    def __init__(self) -> None:
        self.nodes = 0

    def of(self, value: Any, depth: int = 1) -> Hashable:
        """The key of a value.

        Raises:
            EvaluationError: `too_large`, more values than a function may look at, or too deep.
        """
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return (value,)
        if not isinstance(value, list | dict):
            known: Hashable = value  # null and numbers: equal ones have equal hashes
            return known
        self.nodes += len(value)
        if self.nodes > MAX_VALUE_NODES or depth > MAX_DEPTH:
            raise EvaluationError(
                "too_large",
                f"expected at most {MAX_VALUE_NODES} values, at most {MAX_DEPTH} deep, to compare,"
                " but got more",
            )
        if isinstance(value, list):
            return ("list", *(self.of(item, depth + 1) for item in value))
        return frozenset((name, self.of(item, depth + 1)) for name, item in value.items())
