"""What a round means for the places of steps: rows of claims that come, are settled, and go."""

from typing import assert_never

from services.workflow.claims import STEP_LINE, LineKey
from services.workflow.core.nodes import Place
from services.workflow.core.places import Turn, turn
from services.workflow.core.state import Run
from services.workflow.rows import Append
from stretto.contracts.events import Event


class Placing:
    """The changes of one run's claims in one round; of each step only the last one counts."""

    __slots__ = ("at", "lines", "turns")

    def __init__(self, namespace: str, workflow: str) -> None:
        self.at = (namespace, f"{STEP_LINE}{workflow}")
        self.turns: dict[str, tuple[Turn, Place]] = {}
        self.lines: set[LineKey] = set()
        """In which a place may be free, or wanted, after the commit."""

    def note(self, run: Run, event: Event, before: Place | None) -> None:
        """Note what an event that was applied means; `before`: the place of its step."""
        found = turn(run, event, before)
        if found is None:
            return
        path = event.step  # type: ignore[attr-defined]
        place = before if before is not None and found is Turn.LEAVES else run.nodes[path].place
        assert place is not None
        self._turn(path, found, place)

    def closed(self, places: dict[str, Place]) -> None:
        """Note that a run has ended with these places."""
        for path, place in places.items():
            self._turn(path, Turn.LEAVES, place)

    def _turn(self, path: str, found: Turn, place: Place) -> None:
        self.turns[path] = (found, place)
        if found is not Turn.HAS:
            self.lines.add(LineKey(*self.at, place.key))

    def rows(self, run_id: bytes, rows: Append) -> None:
        """Add the rows of the commit."""
        for path, (found, place) in self.turns.items():
            match found:
                case Turn.ASKS:
                    rows.asking.append(
                        (run_id, path, *self.at, place.key, place.limit, place.since_us,
                         place.when_full)
                    )  # fmt: skip
                case Turn.HAS:
                    rows.placed.append((run_id, path))
                case Turn.LEAVES:
                    rows.leaving.append((run_id, path))
                case _:
                    assert_never(found)
