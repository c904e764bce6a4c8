"""Numbers whose digits the log writes out: a few bytes must not become a text of a gigabyte."""

import pytest

from stretto.contracts.payload import MAX_EXPONENT_DIGITS, payload_problem


def listed(number: bytes, count: int) -> bytes:
    return b"[%b]" % b",".join([number] * count)


@pytest.mark.parametrize(
    "number", [b"1e130000", b"-2.5E+130000", b"1e-16000", b"1e" + b"9" * 3_000]
)
def test_many_numbers_with_large_exponents_are_refused(number: bytes) -> None:
    problem = payload_problem(listed(number, 300))

    assert problem is not None
    assert f"at most {MAX_EXPONENT_DIGITS} digits more" in problem


@pytest.mark.parametrize(
    "data",
    [
        listed(b"1.5e-300", 10_000),
        listed(b"6.02e23", 100_000),
        listed(b"1e130000", 2),
        listed(b'"1e130000"', 10_000),
        listed(b'"x \\" 1e130000"', 10_000),
        b'{"hash": "%b"}' % (b"9e999" * 10_000),
    ],
)
def test_usual_numbers_and_texts_that_look_like_them_are_taken(data: bytes) -> None:
    assert payload_problem(data) is None
