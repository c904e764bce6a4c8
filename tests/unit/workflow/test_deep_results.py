"""Results whose outputs nest deeper than a decoder follows: the attempt fails, the others count."""

from typing import cast

import pytest

from services.workflow.core.commands import Result
from services.workflow.inbox import Addressed
from services.workflow.intake import arrival, read_results
from stretto.bus.message import Message, Settler
from stretto.contracts.payload import MAX_DEPTH, cut_deep, depth_of

RUN = "01a20515-94bb-74a3-bbe1-08cfc25cff0b"


def message_of(data: bytes) -> Message:
    return Message(b"stretto.results.0", b"", b"", data, cast(Settler, None), 0)


def result_of(step: str, output: bytes) -> bytes:
    return b'{"id":"%b:%b:1","status":"completed","output":%b}' % (
        RUN.encode(),
        step.encode(),
        output,
    )


@pytest.mark.parametrize(
    "output",
    [
        pytest.param(b"[" * 5_000 + b"]" * 5_000, id="lists"),
        pytest.param(b'{"]\\"":' * 5_000 + b"1" + b"}" * 5_000, id="objects"),
    ],
)
def test_an_output_nested_too_deep_to_be_decoded_fails_its_attempt_alone(output: bytes) -> None:
    both = b'{"results":[%b,%b]}' % (result_of("deep", output), result_of("flat", b"[1]"))

    deep, flat = (
        item.command for item in read_results(message_of(both)) if isinstance(item, Addressed)
    )

    assert isinstance(deep, Result) and isinstance(flat, Result)
    assert deep.path == "deep" and deep.failure is not None
    assert (deep.failure.type, deep.failure.retryable) == ("TooLarge", False)
    assert (flat.output, flat.failure) == (b"[1]", None)


def test_what_is_no_json_besides_is_a_dead_letter() -> None:
    for rest in (b"", b"]" * 4_999, b"]" * 9_000):
        answer = arrival(message_of(b'{"results":[],"x":' + b"[" * 5_000 + rest), read_results)
        assert isinstance(answer, Exception)


def test_only_what_is_too_deep_is_cut() -> None:
    flat = b'{"a":[1,{"b":"[[[{"}],"c":null}'
    assert cut_deep(flat) == flat
    deep = cut_deep(b"[1," + b"[" * 3_000 + b"]" * 3_000 + b",2]")
    assert deep.startswith(b"[1,[") and deep.endswith(b"],2]") and b"null" in deep
    assert MAX_DEPTH < depth_of(deep) < 1_000
