"""Numbers whose digits the log writes out: a few bytes must not become a text of a gigabyte."""

import pytest

from stretto.contracts.payload import MAX_WRITTEN_BYTES, payload_problem, with_fractions


def listed(number: bytes, count: int) -> bytes:
    return b"[%b]" % b",".join([number] * count)


@pytest.mark.parametrize(
    "number", [b"1e130000", b"-2.5E+130000", b"1e-16000", b"1e" + b"9" * 3_000]
)
def test_many_numbers_with_large_exponents_are_refused(number: bytes) -> None:
    problem = payload_problem(listed(number, 300))

    assert problem is not None
    assert f"at most {MAX_WRITTEN_BYTES} bytes with all numbers written out" in problem


@pytest.mark.parametrize(
    "data",
    [
        listed(b"1.5e-300", 10_000),
        listed(b"6.02e23", 90_000),
        listed(b"1e130000", 2),
        listed(b'"1e130000"', 10_000),
        listed(b'"x \\" 1e130000"', 10_000),
        b'{"hash": "%b"}' % (b"9e999" * 10_000),
    ],
)
def test_usual_numbers_and_texts_that_look_like_them_are_taken(data: bytes) -> None:
    assert payload_problem(data) is None


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (b"1e22", b"10000000000000000000000.0"),
        (b'{"a":[-1.5E+3,2]}', b'{"a":[-1500.0,2]}'),
        (b"[0e5]", b"[0.0]"),
        (b"1.25e1", b"1.25e1"),
        (b"1e-7", b"1e-7"),
        (b"1e999", b"1e999"),
        (b"1e400000", b"1e400000"),
        (b'{"1e5":"x \\"1e5 \\\\"}', b'{"1e5":"x \\"1e5 \\\\"}'),
        (b'"9e999"', b'"9e999"'),
        (b"123", b"123"),
    ],
)
def test_a_floating_point_number_stays_one_when_it_is_read_from_the_log(
    given: bytes, kept: bytes
) -> None:
    assert with_fractions(given) == kept
