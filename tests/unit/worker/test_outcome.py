"""How attempts end: outputs as JSON, exceptions as failures."""

import dataclasses
import datetime as dt

import msgspec
import pydantic
import pytest

from stretto.contracts.failures import MAX_MESSAGE_CHARS
from stretto.contracts.payload import MAX_DEPTH, MAX_PAYLOAD_BYTES
from stretto.worker import InvalidInput, InvalidOutput, NonRetryable, TooLarge
from stretto.worker.outcome import MAX_TYPE_CHARS, encode_output, failure_of, unknown_task


class Point(pydantic.BaseModel):
    at: dt.date


@dataclasses.dataclass
class Pair:
    a: int
    b: tuple[int, ...] = ()


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, b"null"),
        ({"a": [1, 2.5, "x", True]}, b'{"a":[1,2.5,"x",true]}'),
        (Pair(1, (2,)), b'{"a":1,"b":[2]}'),
        ([Point(at=dt.date(2026, 1, 2))], b'[{"at":"2026-01-02"}]'),
        (msgspec.Raw(b'{"as":"is"}'), b'{"as":"is"}'),
    ],
)
def test_outputs_are_written_as_json(value: object, data: bytes) -> None:
    assert bytes(encode_output(value)) == data


def endless() -> list[object]:
    ring: list[object] = []
    ring.append(ring)
    return ring


@pytest.mark.parametrize("value", [object(), {1j: 2}, endless(), "\ud800"])
def test_what_json_cannot_hold_is_an_invalid_output(value: object) -> None:
    with pytest.raises(InvalidOutput, match="expected the handler to return what JSON can hold"):
        encode_output(value)


def test_outputs_over_the_limits_are_too_large() -> None:
    deep: list[object] = []
    for _ in range(MAX_DEPTH):
        deep = [deep]
    with pytest.raises(TooLarge, match="deep"):
        encode_output(deep)
    with pytest.raises(TooLarge, match="bytes"):
        encode_output("x" * MAX_PAYLOAD_BYTES)


class CardDeclined(NonRetryable):
    pass


class Busy(Exception):
    retryable = True


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "type_", "message", "retryable"),
    [
        (ValueError("no"), "ValueError", "no", True),
        (Busy(), "Busy", "", True),
        (CardDeclined("stolen"), "CardDeclined", "stolen", False),
        (InvalidInput("x"), "InvalidInput", "x", False),
        (InvalidOutput("x"), "InvalidOutput", "x", False),
        (TooLarge("x"), "TooLarge", "x", False),
        (SystemExit(3), "SystemExit", "3", True),
        (Unspeakable(), "Unspeakable", "(its message could not be read: RuntimeError)", True),
        (ValueError("\ud800"), "ValueError", "?", True),
    ],
)
def test_exceptions_become_failures(
    error: BaseException, type_: str, message: str, retryable: bool
) -> None:
    failure = failure_of(error)
    assert (failure.type, failure.message, failure.retryable) == (type_, message, retryable)


def test_what_a_failure_says_is_bounded() -> None:
    long = type("E" * 1_000, (Exception,), {})
    failure = failure_of(long("m" * 10_000))
    assert (len(failure.type), len(failure.message)) == (MAX_TYPE_CHARS, MAX_MESSAGE_CHARS)


def test_an_unknown_task_lists_what_is_known() -> None:
    assert "but this worker has: a, b" in unknown_task("x", ["a", "b"]).message
    assert unknown_task("x", []).message.endswith("has: none")
    assert unknown_task("x", []).retryable
