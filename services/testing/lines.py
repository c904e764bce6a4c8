"""Lines of a world: who has a place among the runs, or steps, of one key. Elsewhere the database
says it."""

import msgspec

from services.workflow.core import Rejection
from services.workflow.core.commands import Granted, Standing
from services.workflow.core.nodes import Place
from services.workflow.core.state import Run
from stretto.contracts import events as ev
from stretto.contracts.graph import Graph
from stretto.contracts.ids import run_id_text
from stretto.definition.concurrency import KeyProblem, compile_key

Waiter = tuple[bytes, str]
"""A run, or a step of it (its path)."""


class _Claim:
    def __init__(self, run_id: bytes, at: tuple[str, str], places: int, step: str = "") -> None:
        self.run_id = run_id
        self.step = step
        self.at = at
        self.places = places
        self.granted = False
        self.asked_us = 0


class VirtualLines:
    """The claims of the runs of a world, in the order in which they came."""

    def __init__(self) -> None:
        self._claims: list[_Claim] = []

    def enter(self, run_id: bytes, graph: Graph, value: bytes) -> Standing | Rejection | None:
        """Give a run that begins a place, let it wait, or refuse it; None: its workflow has no
        limit."""
        limit = graph.concurrency
        if limit is None:
            return None
        try:
            key = compile_key(limit)(scope_of(run_id, graph, value))
        except KeyProblem as problem:
            return Rejection(code="concurrency_key_invalid", message=str(problem))
        at = (f"run {graph.name}", key)
        others = [claim for claim in self._claims if claim.at == at]
        if len(others) >= limit.limit and limit.when_full == "reject":
            text = f"expected fewer than {limit.limit} runs of key {key!r}, but there are so many"
            return Rejection(code="concurrency_full", message=text)
        claim = _Claim(run_id, at, limit.limit)
        claim.granted = len(others) < limit.limit
        self._claims.append(claim)
        cancels = limit.when_full == "cancel_running"
        spare = others[: len(others) - limit.limit + 1] if cancels else []
        return Standing(
            line=at[0],
            key=key,
            limit=limit.limit,
            admitted=claim.granted,
            ahead=() if cancels else tuple(run_id_text(c.run_id) for c in others),
            cancels=() if claim.granted else tuple(run_id_text(c.run_id) for c in spare),
        )

    def join(self, run_id: bytes, event: ev.RunQueued) -> list[Waiter]:
        """Let a run wait that goes on after its end; who has a place now."""
        if any(claim.run_id == run_id and not claim.step for claim in self._claims):
            return []
        self._claims.append(_Claim(run_id, (event.line, event.key), event.limit))
        return self._grant((event.line, event.key))

    def ask(self, run: Run, path: str, place: Place) -> list[tuple[bytes, Granted]]:
        """Let a step ask for a place; what becomes of it, and of those that give way to it."""
        at = (f"step {run.workflow}", place.key)
        claim = _Claim(run.id, at, place.limit, path)
        claim.asked_us = place.since_us
        elders = [each for each in self._claims if each.at == at]
        self._claims.append(claim)
        told = [(run_id, Granted(path=step)) for run_id, step in self._grant(at)]
        if claim.granted:
            return told
        if place.when_full == "reject":
            told.append((run.id, Granted(path=path, refused=True)))
        if place.when_full == "cancel_running":
            by = f"{path!r} of run {run_id_text(run.id)}"
            for each in elders[: len(elders) - place.limit + 1]:
                way = Granted(path=each.step, superseded_by=by, asked_us=each.asked_us)
                told.append((each.run_id, way))
        return told

    def leave(self, run_id: bytes, step: str = "") -> list[Waiter]:
        """Take the place of a run, or a step of it, that has ended; who has one now."""
        mine = next((c for c in self._claims if c.run_id == run_id and c.step == step), None)
        if mine is None:
            return []
        self._claims.remove(mine)
        return self._grant(mine.at)

    def _grant(self, at: tuple[str, str]) -> list[Waiter]:
        line = [claim for claim in self._claims if claim.at == at]
        taken = sum(claim.granted for claim in line)
        begun: list[Waiter] = []
        for claim in line:
            if not claim.granted and taken < claim.places:
                claim.granted = True
                taken += 1
                begun.append((claim.run_id, claim.step))
        return begun


def scope_of(run_id: bytes, graph: Graph, value: bytes) -> dict[str, object]:
    """What is known of a run that has not begun."""
    about = {
        "id": run_id_text(run_id), "key": None, "namespace": "default",
        "workflow": graph.name, "version": graph.version, "labels": graph.labels,
    }  # fmt: skip
    return {"input": msgspec.json.decode(value), "run": about}
