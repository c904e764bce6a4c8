"""What an expression may refer to: the roots of its scope and what is known of their shapes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from stretto.expression.shapes import ANYTHING, Shape, shape_of

__all__ = ["ROOTS", "STATUS_FUNCTIONS", "STATUS_ROOT", "ScopeTypes"]

ROOTS = (
    "input", "steps", "item", "index", "run", "vars", "device", "error", "loop", "output", "signal",
    "inputs", "value",
)  # fmt: skip
"""Every root there is; which of them an expression may use depends on where it stands."""

STATUS_FUNCTIONS = ("always", "cancelled", "failed", "succeeded")
"""Functions without arguments for `if`: what became of the steps that this one needs."""

STATUS_ROOT = "outcome"
"""Where they read it: `{"failed": false, "cancelled": false, "succeeded": true}` in the scope."""

_TEXT = Shape(types=frozenset({"string"}))


@dataclass(frozen=True)
class ScopeTypes:
    """The roots that are declared, with their shapes.

    Two scopes with the same fingerprint accept the same expressions.
    """

    roots: Mapping[str, Shape] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        *names: str,
        steps: Mapping[str, object] | None = None,
        open_steps: bool = False,
        **schemas: object,
    ) -> ScopeTypes:
        """Declare roots.

        Args:
            names: roots of which nothing is known (`"run"`, `"vars"`).
            steps: the steps that can be referred to, each with the JSON Schema of its output or
                None; any other name is a mistake, unless `open_steps`.
            schemas: roots with their JSON Schemas: `input={...}`, `item={...}`.

        Raises:
            ValueError: a name is not one of ROOTS.
        """
        roots: dict[str, Shape] = dict.fromkeys(names, ANYTHING)
        roots |= {name: shape_of(schema) for name, schema in schemas.items()}
        if steps is not None:
            roots["steps"] = _steps(steps, open_steps=open_steps)
        for name in roots:
            if name not in ROOTS:
                raise ValueError(f"expected a root among {', '.join(ROOTS)}, but got {name}")
        return cls(roots)

    @classmethod
    def anything(cls, names: Iterable[str] = ROOTS) -> ScopeTypes:
        """All roots (or the given ones), and nothing known of any."""
        return cls(dict.fromkeys(names, ANYTHING))

    @cached_property
    def fingerprint(self) -> str:
        """A short text that is the same for equal scopes, whatever the order of their fields."""
        text = repr([(name, _canonical(self.roots[name])) for name in sorted(self.roots)])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _steps(steps: Mapping[str, object], *, open_steps: bool) -> Shape:
    fields = {
        name: Shape(
            types=frozenset({"object"}),
            fields={"output": shape_of(schema), "status": _TEXT, "failure": ANYTHING},
            closed=True,
        )
        for name, schema in steps.items()
    }
    return Shape(types=frozenset({"object"}), fields=fields, closed=not open_steps)


def _canonical(shape: Shape | None) -> object:
    if shape is None:
        return None
    return (
        sorted(shape.types),
        [(name, _canonical(shape.fields[name])) for name in sorted(shape.fields)],
        sorted(shape.required),
        shape.closed,
        _canonical(shape.rest),
        _canonical(shape.items),
    )
