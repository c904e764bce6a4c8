"""Ids that every service works out alone, and the header that carries them."""

import os
from hashlib import blake2b

import pytest

from stretto.telemetry import trace_ids

RUN = bytes.fromhex("0194e5a1b2c37d4e8f90a1b2c3d4e5f6")


def test_the_id_of_a_step_is_what_the_architecture_says() -> None:
    expected = blake2b(RUN + b"ship.pack").digest()[:8]
    assert trace_ids.step_span_id(RUN, "ship.pack") == expected
    assert trace_ids.run_span_id(RUN) == blake2b(RUN).digest()[:8]


def test_ids_of_different_places_differ() -> None:
    ids = {
        trace_ids.run_span_id(RUN),
        trace_ids.step_span_id(RUN, "a"),
        trace_ids.attempt_span_id(RUN, "a", 1),
        trace_ids.attempt_span_id(RUN, "a", 2),
        trace_ids.dispatch_span_id(RUN, "a", 1),
        trace_ids.decide_span_id(RUN, "a", 1),
        trace_ids.decide_span_id(RUN, "a", 2),
        trace_ids.step_span_id(os.urandom(16), "a"),
    }
    assert len(ids) == 8
    assert {len(span_id) for span_id in ids} == {8}


@pytest.mark.parametrize("sampled", [True, False])
def test_a_traceparent_is_read_back(sampled: bool) -> None:
    span_id = trace_ids.run_span_id(RUN)
    text = trace_ids.traceparent(RUN, span_id, sampled=sampled)
    assert len(text) == 55
    assert trace_ids.parse_traceparent(text) == (RUN, span_id, sampled)


def test_other_flags_and_newer_versions_are_read_as_far_as_known() -> None:
    assert trace_ids.parse_traceparent(f"00-{RUN.hex()}-{'1' * 16}-03") is not None
    newer = trace_ids.parse_traceparent(f"cc-{RUN.hex()}-{'1' * 16}-01-what-comes")
    assert newer is not None
    assert newer.sampled


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "nonsense",
        f"00-{'0' * 32}-{'1' * 16}-01",
        f"00-{'1' * 32}-{'0' * 16}-01",
        f"00-{'1' * 31}-{'1' * 16}-01",
        f"00-{'g' * 32}-{'1' * 16}-01",
        f"00-{'1' * 32}-{'1' * 16}-xx",
        f"00-{'1' * 32}-{'1' * 16}-01-more",
        f"ff-{'1' * 32}-{'1' * 16}-01",
        f"0-{'1' * 32}-{'1' * 16}-01",
        f"00-{'1' * 30}  -{'1' * 16}-01",
        f"00-{'1' * 32}-{'1' * 14}  -01",
    ],
)
def test_what_is_no_traceparent_is_ignored(text: str | None) -> None:
    assert trace_ids.parse_traceparent(text) is None


def test_the_caller_decides_where_there_is_one() -> None:
    yes = trace_ids.traceparent(os.urandom(16), b"12345678")
    no = trace_ids.traceparent(os.urandom(16), b"12345678", sampled=False)
    assert trace_ids.is_sampled(RUN, 0.0, yes)
    assert not trace_ids.is_sampled(RUN, 1.0, no)
    assert trace_ids.is_sampled(RUN, 1.0, "nonsense")


def test_the_ratio_is_kept_and_the_same_for_everybody() -> None:
    runs = [n.to_bytes(16, "big") for n in range(20_000)]
    chosen = [run for run in runs if trace_ids.is_sampled(run, 0.1)]
    assert 1_800 < len(chosen) < 2_200
    assert all(trace_ids.is_sampled(run, 0.1) for run in chosen)
    assert all(trace_ids.is_sampled(run, 0.2) for run in chosen)
    assert not any(trace_ids.is_sampled(run, 0.0) for run in runs[:100])
    assert all(trace_ids.is_sampled(run, 1.0) for run in runs[:100])
