"""Answers in frames that fit into a message."""

from collections.abc import Iterator, Sequence

from stretto.contracts.codec import pack
from stretto.contracts.failures import Failure, FailureType
from stretto.contracts.frames import DecidedFrame, DecidedRecord

TARGET_BYTES = 256 * 1024
"""A frame is closed when it holds so much: beyond, more in one message saves nothing."""

_RECORD_BYTES = 160
"""The fixed part of a record, with room: ids, numbers, headers of msgpack."""

_FIELD_BYTES = 8


def frames_of(records: Sequence[DecidedRecord], limit_bytes: int) -> Iterator[bytes]:
    """Yield encoded `DecidedFrame`s of the records, in order, each at most `limit_bytes`.

    A record that is larger by itself becomes an error: nobody could receive it.
    """
    frame: list[DecidedRecord] = []
    size = 0
    for answer in records:
        record, more = answer, size_of(answer)
        if more > limit_bytes:
            record = _too_large(answer, more, limit_bytes)
            more = size_of(record)
        if frame and size + more > min(TARGET_BYTES, limit_bytes):
            yield pack(DecidedFrame(frame))
            frame, size = [], 0
        frame.append(record)
        size += more
    if frame:
        yield pack(DecidedFrame(frame))


def size_of(record: DecidedRecord) -> int:
    """Return an upper bound of the bytes that a record takes."""
    size = _RECORD_BYTES + 4 * len(record.path)
    if record.output is not None:
        size += len(record.output)
    if record.items is not None:
        size += sum(map(len, record.items)) + _FIELD_BYTES * len(record.items)
    if record.values is not None:
        size += sum(4 * len(k) + len(v) + 2 * _FIELD_BYTES for k, v in record.values.items())
    if record.error is not None:
        size += 4 * len(record.error.message) + _RECORD_BYTES
    return size


def _too_large(record: DecidedRecord, size: int, limit: int) -> DecidedRecord:
    failure = Failure(
        type=FailureType.TOO_LARGE,
        message=f"expected an answer of at most {limit} bytes, but it takes {size}",
        retryable=False,
    )
    return DecidedRecord(record.run_id, record.path, record.turn, error=failure)
