"""A frame taken apart: each record in a frame of its own, with its plan and values."""

from collections.abc import Iterator

from services.decision.core.evaluate import ABSENT
from stretto.contracts.frames import DecideFrame, DecideRecord


def split(frame: DecideFrame) -> Iterator[DecideFrame]:
    """Yield a frame for each record. What an index does not find stays not found."""
    for record in frame.records:
        values: list[bytes] = []
        indices: list[int] = []
        for index in record.values:
            if index == ABSENT:
                indices.append(ABSENT)
            elif 0 <= index < len(frame.values):
                indices.append(len(values))
                values.append(frame.values[index])
            else:
                indices.append(len(frame.values) + len(record.values))
        found = 0 <= record.plan < len(frame.plans)
        yield DecideFrame(
            plans=[frame.plans[record.plan]] if found else [],
            values=values,
            records=[
                DecideRecord(
                    record.run_id,
                    record.path,
                    record.turn,
                    record.partition,
                    0,
                    tuple(indices),
                    record.traceparent,
                )
            ],
            sent_us=frame.sent_us,
        )
