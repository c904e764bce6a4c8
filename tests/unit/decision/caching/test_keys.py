"""A key is the same for the same bytes of plan and values only."""

import itertools

from services.decision.caching.keys import LONG_BYTES, FrameKeys, plan_digest
from services.decision.core.evaluate import ABSENT
from stretto.contracts.frames import DecideFrame, DecideRecord

PLAN = plan_digest(b"engine", b"plan")


def key(values: list[bytes], indices: tuple[int, ...], plan: bytes = PLAN) -> bytes | None:
    frame = DecideFrame(plans=[b"plan"], values=values, records=[])
    return FrameKeys(frame).of(DecideRecord(bytes(16), "step", 1, 0, 0, indices), plan)


def test_equal_values_have_one_key_wherever_they_stand() -> None:
    assert key([b"1", b"2"], (0, 1)) == key([b"2", b"x", b"1"], (2, 0))
    long = b'"' + b"x" * LONG_BYTES + b'"'
    assert key([long, b"1"], (0, 0)) == key([b"1", long], (1, 1))


def test_whatever_is_not_the_same_has_another_key() -> None:
    long = b'"' + b"x" * LONG_BYTES + b'"'
    asked: list[tuple[list[bytes], tuple[int, ...]]] = [
        ([b"1"], (0,)),
        ([b"1.0"], (0,)),
        ([b"true"], (0,)),
        ([b'"1"'], (0,)),
        ([b"null"], (0,)),
        ([], (ABSENT,)),
        ([], (ABSENT, ABSENT)),
        ([], ()),
        ([b"1", b"2"], (0, 1)),
        ([b"1", b"2"], (1, 0)),
        ([b"12"], (0,)),
        ([b"1", b""], (0, 1)),
        ([b"1;1;2"], (0,)),
        ([b"-;"], (0,)),
        ([long], (0,)),
        ([long + b" "], (0,)),
        ([long, long], (0, 1)),
        ([b"-0.0"], (0,)),
        ([b"0.0"], (0,)),
        ([b"1e0"], (0,)),
    ]
    keys = [key(values, indices) for values, indices in asked]
    keys += [key([b"1"], (0,), plan_digest(b"engine", b"plan2"))]
    keys += [key([b"1"], (0,), plan_digest(b"engine2", b"plan"))]
    same = [(a, b) for a, b in itertools.combinations(range(len(keys)), 2) if keys[a] == keys[b]]
    assert not same


def test_a_value_that_is_not_there_has_no_key() -> None:
    assert key([b"1"], (1,)) is None
    assert key([b"1"], (-2,)) is None


def test_records_of_a_frame_that_ask_the_same_share_a_key() -> None:
    frame = DecideFrame(plans=[b"plan"], values=[b"1", b"2"], records=[])
    keys = FrameKeys(frame)
    one = keys.of(DecideRecord(bytes(16), "a", 1, 0, 0, (0, 1)), PLAN)
    two = keys.of(DecideRecord(bytes(15) + b"2", "b", 2, 3, 0, (0, 1)), PLAN)
    assert one is two
