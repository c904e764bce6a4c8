"""Answers fit into messages; frames can be taken apart."""

import pytest

from services.decision.core.failures import expression_failure
from services.decision.core.framing import TARGET_BYTES, frames_of, size_of
from services.decision.core.splitting import split
from stretto.contracts.codec import pack, unpack_decided
from stretto.contracts.failures import MAX_MESSAGE_CHARS
from stretto.contracts.frames import DecidedRecord, DecideFrame, DecideRecord
from tests.unit.decision.plans import RUN

LIMIT = 1024 * 1024


def answer(output: bytes = b"1", path: str = "a") -> DecidedRecord:
    return DecidedRecord(RUN, path, 1, output=output)


def test_small_answers_share_a_frame_in_their_order() -> None:
    records = [answer(path=str(number)) for number in range(500)]
    frames = [unpack_decided(frame) for frame in frames_of(records, LIMIT)]
    assert [record for frame in frames for record in frame.records] == records
    assert len(frames) == 1
    assert list(frames_of([], LIMIT)) == []


def test_large_answers_are_cut_into_several_frames() -> None:
    records = [answer(b"x" * 100_000) for _ in range(10)]
    frames = list(frames_of(records, LIMIT))
    assert len(frames) == 5
    assert all(len(frame) <= TARGET_BYTES for frame in frames)
    assert [r for frame in frames for r in unpack_decided(frame).records] == records


def test_an_answer_that_no_message_can_hold_becomes_an_error() -> None:
    frames = list(frames_of([answer(), answer(b"x" * LIMIT, "large"), answer()], LIMIT))
    records = [record for frame in frames for record in unpack_decided(frame).records]
    assert [record.error is None for record in records] == [True, False, True]
    assert records[1].path == "large"
    assert records[1].output is None
    failure = records[1].error
    assert failure is not None
    assert (failure.type, failure.retryable) == ("TooLarge", False)
    assert "expected an answer of at most 1048576 bytes, but it takes" in failure.message


@pytest.mark.parametrize(
    "record",
    [
        DecidedRecord(RUN, "p" * 200, 2**31, skip=True, took_us=2**40),
        answer(b"x" * 70_000, path="ä" * 100),
        DecidedRecord(RUN, "a", 1, items=[b"12"] * 10_000, branch=9_999),
        DecidedRecord(RUN, "a", 1, values={"€" * 30: b"x" * 300, "b": b""}),
        DecidedRecord(
            RUN, "a", 1, error=expression_failure("x" * 50, "€" * MAX_MESSAGE_CHARS, "c")
        ),
    ],
)
def test_the_size_of_an_answer_is_never_guessed_too_low(record: DecidedRecord) -> None:
    assert len(pack(record)) <= size_of(record)


def test_a_frame_is_taken_apart_into_records_with_what_they_need() -> None:
    frame = DecideFrame(
        plans=[b"p0", b"p1"],
        values=[b"v0", b"v1", b"v2"],
        records=[
            DecideRecord(RUN, "a", 1, 0, 1, (2, -1, 0), "00-tp"),
            DecideRecord(RUN, "b", 2, 3, 0, ()),
        ],
        sent_us=5,
    )
    first, second = split(frame)
    assert first == DecideFrame(
        [b"p1"], [b"v2", b"v0"], [DecideRecord(RUN, "a", 1, 0, 0, (0, -1, 1), "00-tp")], 5
    )
    assert second == DecideFrame([b"p0"], [], [DecideRecord(RUN, "b", 2, 3, 0, ())], 5)


def test_what_an_index_did_not_find_stays_not_found() -> None:
    frame = DecideFrame([b"p"], [b"v"], [DecideRecord(RUN, "a", 1, 0, 7, (0, 9, -3))])
    (part,) = split(frame)
    assert part.plans == []
    (record,) = part.records
    assert record.values[0] == 0
    assert all(index >= len(part.values) for index in record.values[1:])
