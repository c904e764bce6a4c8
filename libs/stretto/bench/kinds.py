"""What a step's CPU is spent on: the stacks of a profile, sorted into kinds of work.

A stack belongs to the first kind of which one of its frames is, from the innermost outward: what
`unpack` calls is decoding, whoever called it. The CPU of a part (measured by the kernel) is
shared out by the samples of its profile, so that the kinds add up to what the part cost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("decode", ("decode", "unpack", "read_", "parse", "_consume", "_received", "arrival")),
    ("decide", ("core/", "evaluat", "expression/", "deciding", "render", "admission", "binding")),
    ("append", ("postgres/", "store.py", "asyncpg", "batch.py", "slots.py", "pool.py")),
    ("acknowledge", ("settle", "ack_all", "in_progress", "message.py")),
    ("spans", ("telemetry/tracing", "spans.py", "otlp", "opentelemetry")),
    ("publish", ("publisher", "connection.py", "nats_core", "pull.py", "pull_requests", "asks.py")),
    ("encode", ("encode", "pack", "outgoing", "codec", "rfc3339", "sending")),
    ("handlers", ("bench/handlers", "worker/")),
    ("event loop", ("run_until_complete", "Runner.run", "run (asyncio", "uvloop", "runners.py")),
)
"""Kinds of work with what a frame (`function (file:line)`) of theirs holds, tried in this order."""

OTHER = "other"


def kind_of(stack: Sequence[str]) -> str:
    """Tell what kind of work a stack is; the innermost frame is the last."""
    for frame in reversed(stack):
        for kind, marks in KINDS:
            if any(mark in frame for mark in marks):
                return kind
    return OTHER


def shares(lines: Sequence[str]) -> dict[str, float]:
    """Return the share of each kind in stacks (`outer;innermost count`), the largest first."""
    found: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        found[kind_of(stack.split(";"))] += int(count)
    samples = found.total()
    return {kind: count / samples for kind, count in found.most_common()} if samples else {}


def budget(
    cpu_ms_per_step: Mapping[str, float], profiles: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, float]]:
    """Share out the CPU of each part by kind: microseconds a step, by part and kind.

    Args:
        cpu_ms_per_step: by part, as `Cost` has it.
        profiles: the stacks of each part; a part without any (a server) is one kind, `server`.
    """
    found: dict[str, dict[str, float]] = {}
    for part, spent_ms in cpu_ms_per_step.items():
        lines = profiles.get(part)
        parts = shares(lines) if lines else {"server": 1.0}
        found[part] = {kind: round(share * spent_ms * 1000, 1) for kind, share in parts.items()}
    return found


def read_stacks(folder: Path) -> dict[str, list[str]]:
    """Read what `profiled` wrote: the stacks of each part, all of its processes together."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.raw")):
        part = path.stem.rpartition("-")[0] if path.stem[-1].isdigit() else path.stem
        found.setdefault(part, []).extend(path.read_text().splitlines())
    return found


def budget_lines(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Write a budget as a table in Markdown: parts down, kinds across, microseconds a step."""
    kinds = [kind for kind, _ in KINDS] + [OTHER, "server"]
    used = [kind for kind in kinds if any(kind in row for row in found.values())]
    lines = ["| µs a step | " + " | ".join(used) + " | all |"]
    lines.append("|---|" + "---|" * (len(used) + 1))
    for part, row in found.items():
        cells = [f"{row[kind]:.0f}" if kind in row else "" for kind in used]
        lines.append(f"| {part} | " + " | ".join(cells) + f" | {sum(row.values()):.0f} |")
    columns = [sum(row.get(kind, 0.0) for row in found.values()) for kind in used]
    total = " | ".join(f"{column:.0f}" for column in [*columns, sum(columns)])
    lines.append(f"| **all** | {total} |")
    return lines
