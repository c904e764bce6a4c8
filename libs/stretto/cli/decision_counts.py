"""How the decisions of a step came out, as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator

from rich.markup import escape

from stretto.cli.printing import milliseconds
from stretto.contracts.decisions import DecisionCounts, Period, RouteCounts

MAX_OUTCOMES = 8
"""Outcomes of one step that are printed; --json has all of them."""


def rows_of(counts: DecisionCounts) -> Iterator[tuple[str, ...]]:
    """A row an outcome; what is said of all of them stands in the first."""
    shown = list(counts.outcomes.items())[:MAX_OUTCOMES]
    for number, (outcome, n) in enumerate(shown):
        head = ("", "", "", "", "")
        if number == 0:
            head = (
                escape(counts.step),
                f"{escape(counts.workflow)} v{counts.version}",
                str(counts.count),
                milliseconds(counts.p50_ms),
                milliseconds(counts.p99_ms),
            )
        yield (*head, f"{escape(outcome)}: {n}", f"{counts.shares.get(outcome, 0.0):.1%}")
    if len(counts.outcomes) > MAX_OUTCOMES:
        yield ("", "", "", "", "", f"{len(counts.outcomes) - MAX_OUTCOMES} more", "")
    if counts.route is not None:
        yield ("", "", "", "", "", escape(_route(counts.route)), "")


def _route(route: RouteCounts) -> str:
    """What is known of a route besides."""
    said = f"{route.fitting:g} fit on average, the best got {route.first:.0%}"
    if route.explored:
        said += f", {route.explored:.1%} explored"
    if route.moved:
        said += f", {route.moved:.1%} moved to another device"
    return said


def over_time(counts: DecisionCounts, by: str) -> Iterator[tuple[str, ...]]:
    """A row a period, the latest first."""
    periods: list[Period] = counts.hours if by == "hour" else counts.days
    for number, period in enumerate(reversed(periods)):
        head = ("", "")
        if number == 0:
            head = (escape(counts.step), f"{escape(counts.workflow)} v{counts.version}")
        most = sorted(period.outcomes.items(), key=lambda each: -each[1])[:MAX_OUTCOMES]
        total = sum(period.outcomes.values())
        yield (
            *head,
            f"{period.at[:10]}" + (f" {period.at[11:16]}" if by == "hour" else ""),
            str(period.count),
            milliseconds(period.mean_ms),
            milliseconds(period.max_ms),
            escape(", ".join(f"{name} {n / total:.0%}" for name, n in most)),
        )
