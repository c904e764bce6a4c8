"""Errors of expressions as values: what they say, and that they survive a process boundary."""

import pickle

from stretto.expression import EvaluationError, ExpressionError
from stretto.expression.errors import error_at, excerpt_of, nearest, shorten


def test_an_evaluation_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(EvaluationError("missing_path", "expected a, but b")))

    assert (error.code, error.message) == ("missing_path", "expected a, but b")


def test_an_evaluation_error_says_its_place_and_code() -> None:
    error = EvaluationError("overflow", "expected a, but b")

    assert str(error) == "expected a, but b [overflow]"
    assert str(error.at("with.x")) == "with.x: expected a, but b [overflow]"


def test_an_expression_error_without_source_is_one_line() -> None:
    assert str(ExpressionError("expected a, but b", place="with")) == "with: 1:1: expected a, but b"


def test_an_offset_becomes_line_and_column() -> None:
    error = error_at("ab\ncde", 4, "expected a, but b")

    assert (error.line, error.column) == (2, 2)
    assert error.excerpt == "cde\n ^"


def test_an_excerpt_of_a_line_that_is_not_there_is_only_a_caret() -> None:
    assert excerpt_of("a", 5, 3) == "\n  ^"


def test_texts_are_cut_with_an_ellipsis() -> None:
    assert shorten("abcdef", 4) == "abc…"
    assert shorten("abcd", 4) == "abcd"


def test_a_name_that_is_like_none_has_no_nearest() -> None:
    assert nearest("zzz", ["input", "steps"]) is None


def test_the_first_who_knows_where_an_error_arose_is_believed() -> None:
    error = EvaluationError("missing_path", "expected a key")

    error.arose(lambda _error, scope: scope, "inner")
    error.arose(lambda _error, scope: scope, "outer")

    assert error.spot == "inner"
