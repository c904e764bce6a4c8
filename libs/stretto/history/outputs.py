"""What steps gave whose end says nothing of it: a for_each, a group, a loop.

The log does not repeat what the parts of such a step gave: a for_each gives the list of the outputs
of its items, a group an object of those of its steps, a loop that of its last round.
"""

from collections.abc import Iterable
from typing import Generic, TypeVar

V = TypeVar("V")
"""A value as it is read: JSON data, or bytes that stay as they are."""


class Outputs(Generic[V]):
    """The outputs of a run's steps by path. `nothing` stands for one that there is none of."""

    def __init__(self, nothing: V) -> None:
        self._nothing = nothing
        self._items: dict[str, int] = {}
        self._rounds: dict[str, int] = {}
        self._inside: dict[str, list[str]] = {}
        self.of: dict[str, V | list[V] | dict[str, V]] = {}

    def opened(self, path: str) -> None:
        """A step, or a round of a loop, holds steps of its own."""
        loop, bracket, number = path.removesuffix("]").rpartition("[")
        if bracket and path.endswith("]"):
            self._rounds[loop] = int(number)

    def expanded(self, path: str, count: int) -> None:
        """A for_each has so many items."""
        self._items[path] = count

    def handled(self, path: str) -> None:
        """A handler does the step instead: what it gives is told by its end."""
        self._items.pop(path, None)

    def completed(self, path: str, output: V, *, derived: bool = False) -> None:
        """A step gave `output`, unless its parts say what it gave (`derived`, or a for_each)."""
        group, _, name = path.rpartition(".")
        if group and "[" not in name and "~" not in name and path not in self.of:
            self._inside.setdefault(group, []).append(name)
        if path in self._items:
            self.of[path] = self._those(f"{path}[{n}]" for n in range(self._items[path]))
        elif derived and path in self._rounds:
            self.of[path] = self.of.get(f"{path}[{self._rounds[path]}]", self._nothing)
        elif derived:
            names = [n for n in self._inside.get(path, ()) if f"{path}.{n}" in self.of]
            self.of[path] = dict(zip(names, self._those(f"{path}.{n}" for n in names), strict=True))
        else:
            self.of[path] = output

    def _those(self, paths: Iterable[str]) -> list[V]:
        return [self.of.get(path, self._nothing) for path in paths]  # type: ignore[misc]
