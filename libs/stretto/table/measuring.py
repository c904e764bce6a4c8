"""What the columns of a table cost and leave, measured in use, and the order that follows.

The best order of tests that all have to pass is by cost ÷ share that fails (see Hellerstein &
Stonebraker, "Predicate Migration", 1993). Counters are bounded: at a limit they are halved, so that
what was long ago counts less and less.
"""

from __future__ import annotations

from collections.abc import Sequence

from stretto.table.index import Column

SAMPLE_EVERY = 32
"""Every so many decisions one is measured: reading the clock costs as much as looking up."""

MAX_COUNTED = 1_024
"""Measured decisions before the counters are halved."""

MAX_TIMES_MEAN = 4
"""A time that is longer than so many times the mean counts as that: it was not the test that took
it, but another process."""

_GUESSED_NS = 1_000.0
"""What an input costs before it was measured."""

_LEAST_FAILING = 1e-3
"""A test that nothing fails still has an order among its like."""


class Measured:
    """What one column was seen to cost and to leave."""

    __slots__ = ("asked", "kept", "looked_at", "ns")

    def __init__(self, looked_at: float, kept: float) -> None:
        self.asked = 1
        self.ns = _GUESSED_NS
        self.looked_at = looked_at
        self.kept = kept

    @classmethod
    def guessed(cls, column: Column, rules: int) -> Measured:
        """What can be said before anything was asked: the average class of the index."""
        masks = column.shape.masks
        kept = sum(mask.bit_count() for mask in masks) / max(1, len(masks))
        return cls(float(max(1, rules)), kept)

    def count(self, took_ns: int, before: int, after: int) -> None:
        """Count one look: its time, and the rules left before and after it."""
        if self.asked >= MAX_COUNTED:
            self.asked //= 2
            self.ns /= 2
            self.looked_at /= 2
            self.kept /= 2
        self.asked += 1
        self.ns += min(took_ns, MAX_TIMES_MEAN * self.ns / (self.asked - 1))
        self.looked_at += before
        self.kept += after

    @property
    def cost_ns(self) -> float:
        """The mean time of a look."""
        return self.ns / self.asked

    @property
    def share_kept(self) -> float:
        """The share of the rules that a look leaves."""
        return self.kept / self.looked_at if self.looked_at else 1.0


def worth(measured: Measured) -> float:
    """What a test costs for what it rules out: the least first."""
    return measured.cost_ns / max(_LEAST_FAILING, 1.0 - measured.share_kept)


def better_order(measured: Sequence[Measured]) -> list[int]:
    """The columns, the one that is worth most first."""
    return sorted(range(len(measured)), key=lambda number: worth(measured[number]))
