"""Attempts of sampled runs are spans, and what handlers do is inside of them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest

from stretto.telemetry.trace_ids import TraceParent
from stretto.telemetry.tracing import SpanInProgress
from stretto.worker import Worker

from .desk import QUEUE, at_desk, running, task_of
from .test_worker import crash


def make_worker(url: str, **more: Any) -> Worker:
    return Worker(queue=QUEUE, url=url, **more)


async def test_sampled_attempts_have_a_span_that_handlers_are_inside_of(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracer = Notes()
    monkeypatch.setattr("stretto.worker.worker.make_tracer", lambda *_, **__: tracer)
    worker = make_worker(nats_url, name="w1")
    seen: dict[str, str | None] = {}

    @worker.task("quick")
    async def quick() -> None:
        seen["quick"] = CURRENT.get()

    @worker.task("wait")
    async def wait() -> None:
        await asyncio.sleep(0)
        seen["wait"] = CURRENT.get()

    @worker.task("block")
    def block() -> None:
        seen["block"] = CURRENT.get()
        raise ValueError("no")

    worker.task("crash", cpu=True)(crash)
    names = ("quick", "wait", "block", "crash")
    sampled = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    async with at_desk(nats_url) as desk, running(worker):
        tasks = [task_of(name, n=n, step=name, traceparent=sampled) for n, name in enumerate(names)]
        others = [task_of("quick", n=10), task_of("quick", n=11, traceparent="broken")]
        await desk.send(*tasks)
        for task in tasks:
            await desk.result(task)
        assert seen == {"quick": "quick", "wait": "wait", "block": "block"}
        await desk.send(*others)
        for task in others:
            await desk.result(task)
        assert seen["quick"] is None
    assert {(name, parent.span_id.hex()) for name, parent, _, _ in tracer.spans} == {
        ("attempt", "b" * 16)
    }
    assert len({span_id for _, _, span_id, _ in tracer.spans}) == 4
    failed = {
        attributes["stretto.task"]: span.error for _, _, _, (attributes, span) in tracer.spans
    }
    assert failed["quick"] is failed["wait"] is None
    assert "WorkerLost" in str(failed["crash"])
    assert "ValueError" in str(failed["block"])
    assert tracer.closed


CURRENT: ContextVar[str | None] = ContextVar("current", default=None)


class Notes:
    """A tracer that keeps what it is told."""

    enabled = True

    def __init__(self) -> None:
        self.spans: list[tuple[str, TraceParent, bytes, tuple[dict[str, Any], SpanInProgress]]] = []
        self.closed = False

    @contextmanager
    def span(
        self, name: str, parent: TraceParent, span_id: bytes, attributes: dict[str, Any]
    ) -> Iterator[SpanInProgress]:
        span = SpanInProgress(attributes)
        self.spans.append((name, parent, span_id, (attributes, span)))
        token = CURRENT.set(attributes["stretto.task"])
        try:
            yield span
        except BaseException as error:
            span.fail(repr(error), error)
            raise
        finally:
            CURRENT.reset(token)

    async def close(self, timeout_s: float) -> None:
        self.closed = True
