"""Expressions, compiled: from source to something that evaluates over a scope.

::

    source ── plain path? ───────────────────────────────► PlainPath      (no native library)
      │ parse (native)
      ▼
    tree ── rewrite ── paths against shapes ── types (native) ──► Program
                │
                └── a path, a status or a literal after all? ──► no native evaluation either

A program is immutable and may be shared by threads. Compiling costs about 0.3 ms.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from stretto.expression.errors import EvaluationError, ExpressionError, Spot, error_at
from stretto.expression.evaluation import evaluation_of, unwrapped
from stretto.expression.inputs import Use, references_of
from stretto.expression.kinds import Kind, expecting, kinds_of_result, kinds_of_shape
from stretto.expression.limits import MAX_SOURCE_CHARS
from stretto.expression.locating import Locator, PathLocator
from stretto.expression.path_check import check_paths
from stretto.expression.paths import Getter, Reference, Scope, getter_of
from stretto.expression.rewrite import rewrite
from stretto.expression.scope import ROOTS, ScopeTypes
from stretto.expression.shapes import shape_at

__all__ = ["Program", "compile_expression", "is_plain_path"]

_ANYTHING = ScopeTypes.anything()

_PLAIN = re.compile(
    r"""\s*(?P<root>[a-z]+)"""
    r"""(?P<rest>(?:\.[A-Za-z_]\w*|\["[\w .-]*"\]|\['[\w .-]*'\]|\[\d{1,9}\])*)\s*\Z""",
    re.ASCII,
)
_SEGMENT = re.compile(r"""\.(\w+)|\["([^"]*)"\]|\['([^']*)'\]|\[(\d+)\]""", re.ASCII)
_NOT_A_FIELD = frozenset({"in", "true", "false", "null"})
"""Words that the language does not take after a dot."""


class Program:
    """A compiled expression.

    Attributes:
        source: the text.
        references: the paths it needs from the scope, in order of appearance, each once.
        positions: where each reference stands first, as line and column from 1.
        status_functions: which of `always`, `failed`, `cancelled`, `succeeded` it asks.
        warnings: what is suspicious about it, though not wrong.
        kinds: the kinds of JSON value it may give (see `kinds`), empty where that is not known.
        is_constant: it needs nothing from a scope.
        is_path: it is evaluated by looking up, without the native library.
        evaluate: `evaluate(scope)` gives the result as plain JSON, which may share structure with
            the scope, or raises EvaluationError.
        locate: tells where in the source an error arose that evaluating over a scope has raised.
    """

    __slots__ = (
        "evaluate",
        "is_constant",
        "is_path",
        "kinds",
        "locate",
        "positions",
        "references",
        "source",
        "status_functions",
        "warnings",
    )
    evaluate: Getter

    def __init__(
        self,
        source: str,
        evaluate: Getter,
        *,
        locate: Callable[[EvaluationError, Scope], Spot],
        kinds: frozenset[str],
        positions: Mapping[Reference, tuple[int, int]],
        status_functions: frozenset[str] = frozenset(),
        warnings: tuple[ExpressionError, ...] = (),
        is_path: bool = False,
    ) -> None:
        self.source = source
        self.evaluate = evaluate
        self.locate = locate
        self.kinds = kinds
        self.positions = positions
        self.references: tuple[Reference, ...] = tuple(positions)
        self.status_functions = status_functions
        self.warnings = warnings
        self.is_constant = not positions and not status_functions
        self.is_path = is_path

    def __repr__(self) -> str:
        return f"Program({self.source!r})"


def compile_expression(
    source: str, scope: ScopeTypes | None = None, expect: Kind | None = None
) -> Program:
    """Compile an expression.

    Args:
        source: at most MAX_SOURCE_CHARS characters.
        scope: what it may refer to; None: every root, nothing known.
        expect: what it must give; checked here as far as the type is known, else at evaluation.

    Raises:
        ExpressionError: with the first mistake.
    """
    scope = _ANYTHING if scope is None else scope
    if len(source) > MAX_SOURCE_CHARS:
        raise ExpressionError(
            f"expected at most {MAX_SOURCE_CHARS} characters, but got {len(source)}"
        )
    if not source.strip():
        raise ExpressionError("expected an expression, but it is empty", source=source)
    uses = _plain_path(source)
    if uses is None:
        return _compile(source, scope, expect)
    return _compile_path(source, uses, scope, expect)


def is_plain_path(source: str) -> bool:
    """Whether a source is nothing but a path, so that it is compiled and evaluated without the
    native library."""
    return _plain_path(source) is not None


def _plain_path(source: str) -> list[Use] | None:
    """Read a source that is nothing but a path, without the native library."""
    found = _PLAIN.match(source)
    if found is None or found["root"] not in ROOTS:
        return None
    segments: list[str | int] = [found["root"]]
    offsets = [found.start("root")]
    for part in _SEGMENT.finditer(found["rest"]):
        name, double, single, index = part.groups()
        if name in _NOT_A_FIELD:
            return None
        segments.append(int(index) if index is not None else name or double or single or "")
        offsets.append(found.start("rest") + part.start() + 1)
    return [Use(tuple(segments), tuple(offsets), len(segments))]


def _compile_path(source: str, uses: list[Use], scope: ScopeTypes, expect: Kind | None) -> Program:
    warnings = tuple(check_paths(uses, scope, source))
    segments = uses[0].segments
    kinds = kinds_of_shape(shape_at(scope.roots, segments))
    _check_expected(expect, kinds, source)
    locate = PathLocator(source, uses[0]).spot
    return Program(
        source,
        expecting(expect, getter_of(segments), locate),
        locate=locate,
        kinds=kinds,
        positions=_positions(uses, source),
        warnings=warnings,
        is_path=True,
    )


def _compile(source: str, scope: ScopeTypes, expect: Kind | None) -> Program:
    # Only here is the native library loaded: many a process meets nothing but plain paths.
    from stretto.expression import native, type_check
    from stretto.expression.status_check import check_statuses

    tree = native.parse(source)
    rewritten, found = rewrite(tree, source, scope)
    warnings = (*check_paths(found.uses, scope, source), *check_statuses(tree, source))
    result = type_check.check_types(source, found, scope)
    kinds = kinds_of_result(result)
    _check_expected(expect, kinds, source)
    if type_check.is_optional(result):
        rewritten = unwrapped(rewritten)
    locate = Locator(source, tree.positions, rewritten, found).spot
    return Program(
        source,
        expecting(expect, evaluation_of(rewritten, found), locate),
        locate=locate,
        kinds=kinds,
        positions=_positions(found.uses, source),
        status_functions=frozenset(found.statuses),
        warnings=warnings,
        is_path=rewritten.path is not None,
    )


def _check_expected(expect: Kind | None, kinds: frozenset[str], source: str) -> None:
    if expect is not None and kinds and expect not in kinds:
        got = " or ".join(sorted(kinds))
        raise ExpressionError(f"expected a {expect}, but this gives a {got}", source=source)


def _positions(uses: list[Use], source: str) -> dict[Reference, tuple[int, int]]:
    positions: dict[Reference, tuple[int, int]] = {}
    for reference, offset in references_of(uses).items():
        error = error_at(source, offset, "")
        positions[reference] = (error.line, error.column)
    return positions
