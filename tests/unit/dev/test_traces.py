"""Spans are kept within limits and form a tree."""

from pathlib import Path

import pytest

from stretto.dev.traces import Span, TraceStore, tree_of
from stretto.dev.traces import store as store_module

TRACE = "0" * 31 + "1"


def span(
    span_id: str, parent: str | None = None, *, at: int = 0, end: int = 1, trace: str = TRACE
) -> Span:
    return Span(
        trace_id=trace,
        span_id=span_id,
        parent=parent,
        name=f"span {span_id}",
        service="s",
        start_ns=at,
        end_ns=end,
    )


def trace_id(number: int) -> str:
    return f"{number:032x}"


def test_spans_come_back_as_they_were_and_the_later_of_two_counts(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    full = Span(
        trace_id=TRACE,
        span_id="a",
        name="n",
        service="s",
        start_ns=1,
        end_ns=1_500_000_001,
        error="broken",
        attributes={"a": 1, "b": "x", "c": [1.5, "y"][:1] and ["y"]},
        events=["exception: no"],
    )
    store.add([span("a"), span("b")])
    store.add([full])
    assert TraceStore.read_from(tmp_path, TRACE) == [full, span("b")]
    assert full.seconds == 1.5


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 32, trace_id(7)])
def test_what_is_no_trace_or_is_not_kept_has_no_spans(tmp_path: Path, name: str) -> None:
    TraceStore(tmp_path)
    assert TraceStore.read_from(tmp_path, name) == []


def test_the_oldest_trace_is_dropped_for_a_new_one_also_after_a_restart(tmp_path: Path) -> None:
    store = TraceStore(tmp_path, max_traces=2)
    for number in (1, 2, 3):
        store.add([span("a", trace=trace_id(number))])
    assert [bool(store.read_from(tmp_path, trace_id(n))) for n in (1, 2, 3)] == [False, True, True]

    store = TraceStore(tmp_path, max_traces=2)
    store.add([span("a", trace=trace_id(4)), span("a", trace=trace_id(5))])
    assert [bool(store.read_from(tmp_path, trace_id(n))) for n in (2, 3, 4, 5)] == [
        *(False, False, True, True),
    ]
    store = TraceStore(tmp_path, max_traces=1)
    store.add([span("a", trace=trace_id(n)) for n in (6, 7)])
    assert [p.stem for p in tmp_path.iterdir()] == [trace_id(7)]


def test_spans_over_the_limit_of_a_trace_are_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "MAX_SPANS", 3)
    store = TraceStore(tmp_path)
    store.add([span(str(n)) for n in range(5)])
    assert store.dropped == 2
    assert len(store.read_from(tmp_path, TRACE)) == 3


def test_only_so_many_new_traces_a_second_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "NEW_TRACES_PER_S", 2)
    now = [100.0]
    store = TraceStore(tmp_path, clock=lambda: now[0])
    store.add([span("a", trace=trace_id(n)) for n in range(4)])
    assert store.dropped == 2
    store.add([span("b", trace=trace_id(0))])
    assert store.dropped == 2, "a trace that is kept goes on"
    now[0] += 1
    store.add([span("a", trace=trace_id(9))])
    assert store.dropped == 2


def test_a_tree_is_in_the_order_of_time_and_keeps_spans_without_a_parent() -> None:
    roots = tree_of(
        [
            span("late", "root", at=20),
            span("root", at=0, end=50),
            span("early", "root", at=10, end=15),
            span("inner", "early", at=11),
            span("orphan", "gone", at=5),
        ]
    )
    assert [(depth, s.span_id) for root in roots for depth, s in root.walk()] == [
        *((0, "root"), (1, "early"), (2, "inner"), (1, "late"), (0, "orphan")),
    ]


def test_spans_in_a_circle_are_left_out_of_the_tree() -> None:
    assert tree_of([span("a", "b"), span("b", "a")]) == []
