"""Spans in files: one for each trace, a span a line, bounded."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from stretto.dev.traces.span import Span

MAX_TRACES = 2_000
"""The oldest is dropped for a new one: a day of trying things out stays."""
MAX_SPANS = 20_000
"""Of one trace: a run of a few thousand steps is whole; its file stays under ten megabytes."""
NEW_TRACES_PER_S = 100
"""A load test makes thousands of like traces: a sample is kept, the load is not slowed down."""

_SUFFIX = ".jsonl"
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Span).decode


class TraceStore:
    """The traces in a directory; made when it is missing.

    Attributes:
        dropped: spans that were over a limit.
    """

    def __init__(
        self,
        directory: Path,
        *,
        max_traces: int = MAX_TRACES,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.dropped = 0
        self._directory = directory
        self._max_traces = max_traces
        self._clock = clock or time.monotonic
        self._second = -1
        self._new = 0
        directory.mkdir(parents=True, exist_ok=True)
        files = [(p.stat().st_mtime_ns, p) for p in directory.glob(f"*{_SUFFIX}")]
        # Spans so far by trace, oldest first: dicts keep their order. A trace of an earlier
        # start is complete but for stragglers, so its count begins again.
        self._counts = {path.stem: 0 for _, path in sorted(files)}

    def add(self, spans: Iterable[Span]) -> None:
        """Keep spans, within the limits."""
        lines: dict[str, list[bytes]] = defaultdict(list)
        for span in spans:
            if self._admit(span.trace_id):
                lines[span.trace_id].append(_encode(span))
            else:
                self.dropped += 1
        for trace_id, new in lines.items():
            if trace_id in self._counts:  # not dropped meanwhile for a newer one
                with self._path(trace_id).open("ab") as file:
                    file.write(b"\n".join(new) + b"\n")

    @staticmethod
    def ids_in(directory: Path, beginning: str) -> list[str]:
        """Return the ids of the traces that are kept and begin so, in their order."""
        return sorted(
            path.stem
            for path in directory.glob(f"*{_SUFFIX}")
            if _TRACE_ID.fullmatch(path.stem) and path.stem.startswith(beginning)
        )

    @staticmethod
    def read_from(directory: Path, trace_id: str) -> list[Span]:
        """Return the spans of a trace, in the order they came; empty when it is not kept.

        For any process: the one that keeps them need not run any more.
        """
        if not _TRACE_ID.fullmatch(trace_id):
            return []
        try:
            content = (directory / f"{trace_id}{_SUFFIX}").read_bytes()
        except FileNotFoundError:
            return []
        # The same span may have come twice (sent again after a crash): the later one counts.
        spans = {span.span_id: span for span in map(_decode, content.splitlines())}
        return list(spans.values())

    def _admit(self, trace_id: str) -> bool:
        count = self._counts.get(trace_id)
        if count is None:
            if not self._room_for_another():
                return False
            while len(self._counts) >= self._max_traces:
                oldest = next(iter(self._counts))
                del self._counts[oldest]
                self._path(oldest).unlink(missing_ok=True)
            count = 0
        if count >= MAX_SPANS:
            return False
        self._counts[trace_id] = count + 1
        return True

    def _room_for_another(self) -> bool:
        second = int(self._clock())
        if second != self._second:
            self._second, self._new = second, 0
        self._new += 1
        return self._new <= NEW_TRACES_PER_S

    def _path(self, trace_id: str) -> Path:
        return self._directory / f"{trace_id}{_SUFFIX}"
