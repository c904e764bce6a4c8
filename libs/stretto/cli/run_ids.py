"""Which run is meant: its whole id, the beginning of it that no other run has, or the caller's key
(of several runs that had it the one that is open).

A whole id is believed as it is and needs nobody's answer. Beginnings and keys are looked up in the
namespace, in what monitoring knows: it is a moment behind.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from stretto.cli.printing import local_time
from stretto.client import Client, Rejected, Run
from stretto.contracts.answers import RunSummary
from stretto.contracts.ids import parse_run_id

MIN_CHARS = 4
"""Of a beginning: fewer fit nearly all runs, for ids begin with the time."""

MAX_CHARS = 100
"""Of a key that is looked up: as many as monitoring searches for."""

MAX_MATCHES = 10
"""Runs that are named where several fit."""

_BEGINNING = re.compile(r"[0-9a-f-]+", re.IGNORECASE)


class SeveralRuns(Rejected):
    """More than one run is meant by a text: `details` has those that were found."""


async def run_of(client: Client, text: str) -> Run:
    """Give the handle of the run that is meant.

    Raises:
        SeveralRuns: more than one fits.
        Rejected: none does (`run_unknown`), or it is no id (`run_id_invalid`).
        NotReachable: monitoring does not answer.
    """
    try:
        parse_run_id(text)
    except ValueError:
        return await _found(client, text)
    return client.get(text)


async def _found(client: Client, text: str) -> Run:
    if not 0 < len(text) <= MAX_CHARS:
        raise Rejected("run_id_invalid", f"expected the id of a run, but got {text[:60]!r}")
    page = await client.runs(search=text, limit=100)
    runs = [run for run in page.runs if run.id == text or _begins(run.run_id, text)]
    now = [run for run in runs if run.id == text and run.closed_at is None]
    if len(now) == 1 or len(runs) == 1:
        return client.get((now or runs)[0].run_id)
    if not runs:
        raise Rejected(
            "run_unknown",
            f"expected {text!r} to be the id of a run, the beginning of one (from {MIN_CHARS} "
            f"characters on) or a key in namespace {client.namespace!r}, but there is none",
        )
    raise _several(text, runs, more=len(runs) > MAX_MATCHES or page.next is not None)


def may_begin(text: str) -> bool:
    """Whether a text can be the beginning of a run id, and is long enough to mean one."""
    return len(digits_of(text)) >= MIN_CHARS and _BEGINNING.fullmatch(text) is not None


def digits_of(text: str) -> str:
    """The beginning of an id without its dashes."""
    return text.replace("-", "").lower()


def _begins(run_id: str, text: str) -> bool:
    return may_begin(text) and digits_of(run_id).startswith(digits_of(text))


def _several(text: str, runs: Sequence[RunSummary], *, more: bool) -> SeveralRuns:
    shown = runs[:MAX_MATCHES]
    lines = [
        f"{run.run_id}  {run.status}  {local_time(run.started_at)}  {run.workflow}" for run in shown
    ]
    told = "\n  ".join([*lines, *(["…"] if more else [])])
    count = f"more than {MAX_MATCHES}" if more else str(len(runs))
    details: list[dict[str, Any]] = [
        {"run_id": run.run_id, "workflow": run.workflow, "status": run.status} for run in shown
    ]
    message = f"expected {text!r} to mean one run, but {count} fit:\n  {told}"
    return SeveralRuns("run_ambiguous", message, details)
