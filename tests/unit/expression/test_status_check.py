"""Statuses of steps, compared with words."""

import pytest

from services.workflow.core.statuses import NodeStatus
from stretto.expression.program import compile_expression
from stretto.expression.status_check import ENDED, STATUSES

TOLD = "expected the status of a step (completed, failed, skipped, cancelled), but `{}` is none"


@pytest.mark.parametrize(
    ("source", "column", "word", "meant"),
    [
        ("steps.a.status == 'complete'", 19, "complete", "completed"),
        ("'canceled' != steps.a.status", 1, "canceled", "cancelled"),
        ("steps['a-b'].status == 'ok'", 24, "ok", None),
        ("steps.a.status in ['failed', 'error']", 30, "error", None),
        ("true && (input.x || steps.a.status == 'COMPLETED')", 39, "COMPLETED", None),
    ],
)
def test_a_word_that_no_status_is_is_told_with_its_place(
    source: str, column: int, word: str, meant: str | None
) -> None:
    (warning,) = compile_expression(source).warnings
    assert warning.message == TOLD.format(word)
    assert (warning.column, warning.suggestion) == (column, meant)


@pytest.mark.parametrize(
    "source",
    [
        *(f"steps.a.status == '{word}'" for word in STATUSES),
        "steps.a.output.status == 'ok'",
        "steps.status == 'ok'",
        "input.status == 'ok'",
        "steps.a.status == input.wanted",
        "steps.a.status + 'x' == 'okx'",
        "steps.a.status < 'd'",
        "has(steps.a.status) == true",
        "steps.a.status in input.wanted",
        "steps.a.status in [input.wanted]",
    ],
)
def test_what_may_be_a_status_or_is_none_is_not_told(source: str) -> None:
    assert [w for w in compile_expression(source).warnings if "status of a step" in w.message] == []


def test_the_words_are_those_of_the_engine() -> None:
    assert sorted(STATUSES) == sorted(status.word for status in NodeStatus)
    assert set(ENDED) < set(STATUSES)
