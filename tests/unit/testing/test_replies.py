"""What mocked tasks answer."""

import pytest

from stretto.testing import Attempt, Calls, Fails, Given, Replies, When
from stretto.testing.replies import holds, reply_to


def attempt(number: int = 1, call: int = 1, **given: object) -> Attempt:
    return Attempt("t", "s", number, given, call)


def test_replies_count_the_attempts_of_a_step_and_calls_those_of_the_task() -> None:
    assert reply_to(Replies(1, 2), attempt(number=2, call=9)) == 2
    assert reply_to(Calls(1, 2, 3), attempt(number=1, call=2)) == 2
    assert reply_to(Calls(1, 2, 3), attempt(number=1, call=9)) == 3


def test_an_answer_is_chosen_by_what_the_input_holds() -> None:
    answers = Given(When({"sku": "a"}, Fails("A")), When({"sku": "b"}, lambda at: at.input), 7)
    assert reply_to(answers, attempt(sku="a", n=1)) == Fails("A")
    assert reply_to(answers, attempt(sku="b")) == {"sku": "b"}
    assert reply_to(answers, attempt(sku="c")) == 7


def test_an_input_that_nothing_fits_fails_for_good_and_says_so() -> None:
    reply = reply_to(Given(When({"sku": "a"}, 1)), attempt(sku="b"))
    assert isinstance(reply, Fails)
    assert (reply.type, reply.retryable) == ("NotMocked", False)
    assert "'t'" in reply.message and "'b'" in reply.message


def test_no_answers_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="expected at least one answer"):
        Replies()


@pytest.mark.parametrize(
    ("value", "part", "fits"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([{"a": 1, "b": 2}], [{"a": 1}], True),
        ([1, 2], [1], False),
        (1, 1.0, True),
        (1, True, False),
        ("1", 1, False),
        ([], {}, False),
        ({}, [], False),
        (None, None, True),
    ],
)
def test_a_value_holds_a_part(value: object, part: object, fits: bool) -> None:
    assert holds(value, part) is fits
