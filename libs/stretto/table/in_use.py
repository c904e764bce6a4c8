"""In which order a table or a switch asks now, and what was measured of it in use."""

from __future__ import annotations

from stretto.table.branches import CompiledBranches
from stretto.table.compiled import CompiledTable

_NS_PER_US = 1_000

MAX_TOLD = 20
"""Inputs or cases that are told."""


def table_in_use(table: CompiledTable) -> list[str]:
    """Tell how a table asks now; nothing when it was not asked yet."""
    if not table.decisions:
        return []
    told = [f"{table.decisions} decisions of this instance; inputs are asked in this order:"]
    for number in table.order[:MAX_TOLD]:
        measured = table.measured[number]
        name = table.names[number]
        if measured.asked == 1:
            told.append(f"{name}: not measured yet")
            continue
        told.append(
            f"{name}: {measured.cost_ns / _NS_PER_US:.1f} µs a look, leaves "
            f"{measured.share_kept:.0%} of the rules (measured {measured.asked - 1} times)"
        )
    return told


def switch_in_use(branches: CompiledBranches) -> list[str]:
    """Tell how a switch asks now; nothing when it was not asked yet, or asks case by case."""
    if not branches.asked:
        return []
    head = f"{branches.asked} decisions of this instance; cases are asked in this order:"
    return [head, *branches.described()[:MAX_TOLD]]
