"""What can be wrong with an expression.

::

    ExpressionError   the text: syntax, unknown names, types. Has a line, a column and an excerpt
    EvaluationError   the values: has a stable `code`, names what was involved

Both are raised, never returned. Neither is a bug of ours: callers turn the first into a mistake of
a definition and the second into a failure of a step.
"""

import difflib
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

from stretto.expression.limits import MAX_MESSAGE_CHARS

__all__ = [
    "Code",
    "EvaluationError",
    "ExpressionError",
    "Spot",
    "error_at",
    "excerpt_of",
    "nearest",
    "shorten",
    "spot_at",
]

Code = Literal[
    "missing_path",
    "type_mismatch",
    "division_by_zero",
    "overflow",
    "cost_exceeded",
    "too_large",
    "invalid",
]
"""`missing_path`: a field, key or index that is not there. `type_mismatch`: no such operation for
values of these types. `overflow`: an integer, time or conversion out of range. `cost_exceeded`,
`too_large`: past a limit of `limits.py`. `invalid`: anything else about the values (not a number,
not a regular expression, not representable as JSON)."""

MAX_SPOT_CHARS = 80
"""Of an expression so much is shown around a place: it ends up in a line of the log."""

_LEAST_LIKENESS = 0.6
"""Names less alike than this are not worth a "did you mean"; difflib's own default."""


class ExpressionError(Exception):
    """A mistake in the text of an expression or template.

    Args:
        message: one sentence: "expected ..., but ...".
        line, column: where, from 1, in the text that was given to be compiled.
        source: that text.
        suggestion: a name that was probably meant.
        place: where in a template the text stands (`with.items[0].sku`), empty for none.
    """

    def __init__(
        self,
        message: str,
        *,
        line: int = 1,
        column: int = 1,
        source: str = "",
        suggestion: str | None = None,
        place: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.source = source
        self.suggestion = suggestion
        self.place = place

    @property
    def excerpt(self) -> str:
        """The line with the mistake and, under it, a caret at the column."""
        return excerpt_of(self.source, self.line, self.column)

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        hint = f" (did you mean `{self.suggestion}`?)" if self.suggestion else ""
        head = f"{where}{self.line}:{self.column}: {self.message}{hint}"
        return f"{head}\n{self.excerpt}" if self.source else head


class Spot(NamedTuple):
    """A place in an expression; line and column count from 1."""

    source: str
    line: int
    column: int

    def __str__(self) -> str:
        """`1:13 of `input.total / input.zero``, of a long one the part around it."""
        lines = self.source.split("\n")
        text, at = lines[self.line - 1], self.column - 1
        begin = max(0, min(at - MAX_SPOT_CHARS // 2, len(text) - MAX_SPOT_CHARS))
        part = text[begin : begin + MAX_SPOT_CHARS].strip()
        before = "…" if begin or self.line > 1 else ""
        after = "…" if begin + MAX_SPOT_CHARS < len(text) or self.line < len(lines) else ""
        return f"{self.line}:{self.column} of `{before}{part}{after}`"


class EvaluationError(Exception):
    """An expression that cannot be evaluated over these values.

    Args:
        code: stable, see `Code`.
        message: one bounded sentence: "expected ..., but ...".
        place: where in a template the expression stands, empty for none.
    """

    def __init__(self, code: Code, message: str, *, place: str = "") -> None:
        super().__init__(code, message)
        self.code: Code = code
        self.message = shorten(message)
        self.place = place
        self._find: Callable[[], Spot] | None = None

    def at(self, place: str) -> "EvaluationError":
        """The same error, said to be at a place of a template."""
        error = EvaluationError(self.code, self.message, place=place)
        error._find = self._find
        return error

    def arose(self, find: Callable[["EvaluationError", Any], Spot], scope: Any) -> None:
        """Say who knows where in an expression it arose, and over which scope; the first knows."""
        if self._find is None:
            self._find = lambda: find(self, scope)

    @property
    def spot(self) -> Spot | None:
        """Where in which expression it arose; None: nobody knows. Found out now, at the cost of a
        few evaluations: many an error is never told."""
        return None if self._find is None else self._find()

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.message} [{self.code}]"

    def __reduce__(self) -> tuple[type["EvaluationError"], tuple[Code, str]]:
        return EvaluationError, (self.code, self.message)


def error_at(
    source: str, offset: int, message: str, suggestion: str | None = None
) -> ExpressionError:
    """An error at an offset (characters from 0) of a source."""
    _, line, column = spot_at(source, offset)
    return ExpressionError(message, line=line, column=column, source=source, suggestion=suggestion)


def spot_at(source: str, offset: int) -> Spot:
    """The place at an offset (characters from 0) of an expression."""
    before = source[:offset]
    return Spot(source, before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)


def shorten(text: str, limit: int = MAX_MESSAGE_CHARS) -> str:
    """Cut a text to `limit` characters, the last of them an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `name`, or None where none is alike."""
    found = difflib.get_close_matches(name, list(candidates), n=1, cutoff=_LEAST_LIKENESS)
    return found[0] if found else None


def excerpt_of(source: str, line: int, column: int) -> str:
    """Show a line of `source` and a caret under the column; both count from 1."""
    lines = source.split("\n")
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    lead = "".join("\t" if char == "\t" else " " for char in text[: column - 1])
    return f"{text}\n{lead.ljust(column - 1)}^"
