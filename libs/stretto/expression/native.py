"""Calls into the native library: parse, check, evaluate. Nothing else of ours touches it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stretto.expression.diagnosis import compile_error
from stretto.expression.environment import environment
from stretto.expression.results import careful
from stretto.expression.spelling import spelled
from stretto.expression.syntax import ListOf, Node, Tree, read_parsed, write_parsed

__all__ = ["check", "parse", "reader_of"]


def parse(source: str) -> Tree:
    """Parse without checking.

    Raises:
        ExpressionError: the source is not an expression.
    """
    try:
        compiled = environment().compile(spelled(source), disable_check=True)
    except RuntimeError as error:
        raise compile_error(str(error), source) or error from None
    return read_parsed(compiled.serialize())


def check(source: str, shown: str, mixes: bool) -> str:
    """Check the types of a source and tell the type of its result (`BOOL`, `LIST<DYN>`, `DYN` …).

    The checker is stricter than evaluation over JSON needs; see `diagnosis.compile_error`.

    Args:
        source: what to check.
        shown: what errors show: a text with the same lines and columns.
        mixes: numbers of different kinds may meet in arithmetic, too.

    Raises:
        ExpressionError: no overload fits.
    """
    try:
        result: str = environment().compile(spelled(source)).return_type().name()
    except RuntimeError as error:
        mistake = compile_error(str(error), shown, mixes=mixes)
        if mistake is not None:
            raise mistake from None
        return "DYN"
    return result


def reader_of(node: Node, *, optionals: bool) -> Callable[[dict[str, Any]], list[Any] | str]:
    """Make the native program of a tree; giving a list of the one result or the text of an error.

    The list is made by the program itself: without it a text would have to be asked for its type to
    tell it from an error, which costs more than the evaluation of most expressions.

    Args:
        optionals: the result may hold optionals, so that it cannot be read as a whole.
    """
    wrapped = ListOf(node.id, (node,))
    evaluate = environment().deserialize(write_parsed(wrapped)).eval

    def read(variables: dict[str, Any]) -> list[Any] | str:
        try:
            result: list[Any] | str = evaluate(data=variables).plain_value()
        except RuntimeError as error:
            return str(error)
        return result

    def read_with_care(variables: dict[str, Any]) -> list[Any] | str:
        try:
            value = evaluate(data=variables)
        except RuntimeError as error:
            return str(error)
        if value.type().name() == "ERROR":
            return str(value.plain_value())
        return [careful(item) for item in value.value()]

    return read_with_care if optionals else read
