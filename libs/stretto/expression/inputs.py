"""What a rewritten expression takes from outside.

A rewritten expression is a tree over variables (named `@0`, `@1` …, which nobody can write) and,
for each variable, what it stands for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from stretto.expression.functions import Function
from stretto.expression.macros import Macro
from stretto.expression.paths import Reference, Segments
from stretto.expression.syntax import Ident, Node

__all__ = [
    "Ask",
    "CallInput",
    "Found",
    "Input",
    "LoopInput",
    "NumbersInput",
    "PathInput",
    "Rewritten",
    "Use",
    "references_of",
]


Ask = Literal["value", "field", "has", "size"]


@dataclass(frozen=True, slots=True)
class PathInput:
    """A variable that stands for a path, or for what is asked of it.

    Attributes:
        ask: for its value, for a map cut down to one field that need not be there, whether the
            field is there, or for its size.
        field: the field, for those that ask for one.
        number: as which kind a number is handed in; None: as it is. A whole number that is written
            `5.0` becomes an int, another float does not.
    """

    variable: str
    segments: Segments
    ask: Ask = "value"
    field: str = ""
    number: Literal["int", "double"] | None = None

    @property
    def variables(self) -> tuple[str, ...]:
        return (self.variable,)


@dataclass(frozen=True, slots=True)
class CallInput:
    """A variable that stands for a call of one of our functions."""

    variable: str
    function: Function
    args: tuple[Rewritten, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        return (self.variable,)


@dataclass(frozen=True, slots=True)
class NumbersInput:
    """Variables of one arithmetic term: paths, sizes, calls of ours and literals.

    If all are numbers and one of them is a double, all are handed in as doubles.
    """

    variables: tuple[str, ...]
    members: tuple[PathInput | CallInput | int | float, ...]


@dataclass(frozen=True, slots=True)
class LoopInput:
    """A variable that stands for a macro which we run ourselves: one of our functions is inside.

    `parts` are the expressions of the macro in the order of its fields; they see its variables as
    roots of their scope.
    """

    variable: str
    macro: Macro
    over: Rewritten
    parts: tuple[Rewritten, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        return (self.variable,)


Input = PathInput | NumbersInput | CallInput | LoopInput


@dataclass(frozen=True, slots=True)
class Use:
    """One occurrence of a path: its segments and, for each, where it stands in the source."""

    segments: Segments
    offsets: tuple[int, ...]
    width: int
    """How many of the segments are looked up as one value (the last may be only tested for)."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A part of an expression, ready to be evaluated.

    Attributes:
        node: the tree over the variables.
        inputs: what the variables stand for.
    """

    node: Node
    inputs: tuple[Input, ...]

    @property
    def only_input(self) -> Input | None:
        """The input that the whole is, if it is nothing else."""
        whole = isinstance(self.node, Ident) and len(self.inputs) == 1
        return self.inputs[0] if whole else None

    @property
    def path(self) -> Segments | None:
        """The path that the whole is, if it is nothing else."""
        only = self.only_input
        return only.segments if isinstance(only, PathInput) and only.ask == "value" else None


@dataclass(slots=True)
class Found:
    """What a whole expression uses.

    `mixes`: numbers of different kinds meet in arithmetic, and we see to it that they can.
    """

    uses: list[Use] = field(default_factory=list)
    statuses: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    mixes: bool = False


def references_of(uses: Iterable[Use]) -> dict[Reference, int]:
    """The references of some uses, in order, each with where it stands first."""
    references: dict[Reference, int] = {}
    for use in uses:
        names: list[str] = []
        for segment in use.segments:
            if not isinstance(segment, str):
                break
            names.append(segment)
        references.setdefault(tuple(names), use.offsets[0])
    return references
