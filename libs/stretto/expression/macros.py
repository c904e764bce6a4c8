"""Macros, recognised in what they were expanded to.

The parser turns `list.map(x, f(x))` into a fold and keeps no trace of the macro; the shapes of the
folds are part of the language (cel-spec, "Macros"; two-variable comprehensions in cel-go's
`ext.TwoVarComprehensions`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stretto.expression.syntax import Call, Const, Ident, ListOf, Loop, Node

__all__ = ["Macro", "MacroKind", "macro_of"]

MacroKind = Literal["bind", "all", "exists", "exists_one", "map"]
"""`map` is also `filter` and `transformList`: a list of the results for the items that fit."""


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro: its kind, the names of its variables, and the expressions over them.

    Attributes:
        names: one variable, or two: index or key, and item. For `bind` its name.
        parts: what is asked of each item; for `map` the result and, where there is one, the
            condition; for `bind` the body.
    """

    kind: MacroKind
    names: tuple[str, ...]
    parts: tuple[Node, ...]


def macro_of(loop: Loop) -> Macro | None:
    """The macro that a fold comes from, or None where it is not one of those above."""
    names = (loop.item_name, loop.second_name) if loop.second_name else (loop.item_name,)
    if isinstance(loop.over, ListOf) and not loop.over.elements:
        return Macro("bind", (loop.result_name,), (loop.result,))
    match loop.start, loop.step:
        case Const(value=True), Call(function="_&&_", args=(Ident(), asked)):
            return Macro("all", names, (asked,))
        case Const(value=False), Call(function="_||_", args=(Ident(), asked)):
            return Macro("exists", names, (asked,))
        case Const(value=0), Call(function="_?_:_", args=(asked, Call(), Ident())):
            return Macro("exists_one", names, (asked,))
        case ListOf(elements=()), Call(function="_+_", args=(Ident(), ListOf(elements=(result,)))):
            return Macro("map", names, (result,))
        case (
            ListOf(elements=()),
            Call(
                function="_?_:_",
                args=(
                    condition,
                    Call(function="_+_", args=(Ident(), ListOf(elements=(result,)))),
                    Ident(),
                ),
            ),
        ):
            return Macro("map", names, (result, condition))
    return None
