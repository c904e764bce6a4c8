"""A real OTLP receiver that keeps the spans it got, for tests to look at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opentelemetry.proto.trace.v1.trace_pb2 import Span
from oteltap import OtelTapHttpProtobufReceiver, OtelTapHttpProtobufReceiverSettings

from .ports import LOOPBACK, free_port

WAIT_S = 15.0


class SpanTap:
    """What a receiver has got; `url` is the value for `OTEL_EXPORTER_OTLP_ENDPOINT`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.spans: list[Span] = []
        self._more = asyncio.Condition()

    async def named(self, name: str, count: int = 1) -> list[Span]:
        """Wait until there are spans of this name, and return them.

        Raises:
            TimeoutError: there were fewer than `count` in time.
        """
        async with asyncio.timeout(WAIT_S), self._more:
            while len(found := [s for s in self.spans if s.name == name]) < count:
                await self._more.wait()
        return found

    async def collect(self, spans: AsyncIterator[Span]) -> None:
        """Keep what comes, until there is no more."""
        async for span in spans:
            self.spans.append(span)
            async with self._more:
                self._more.notify_all()


@asynccontextmanager
async def span_tap() -> AsyncIterator[SpanTap]:
    """Give a running receiver on a free port."""
    port = free_port()
    async with asyncio.TaskGroup() as group:
        receiver = OtelTapHttpProtobufReceiver(OtelTapHttpProtobufReceiverSettings(port))
        async with receiver:
            tap = SpanTap(f"http://{LOOPBACK}:{port}")
            collecting = group.create_task(tap.collect(receiver.stream_traces()))
            await asyncio.sleep(0)  # it subscribes in its first turn
            yield tap
            collecting.cancel()
