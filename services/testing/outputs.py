"""Outputs that the runs of a world have kept for equal steps. Elsewhere the database holds them."""

from collections.abc import Iterable

from services.workflow.core.commands import Sought
from services.workflow.core.effects import Seek
from services.workflow.core.reuse import Dropped, Kept
from services.workflow.core.state import Run
from services.workflow.reuse.noting import Changes, KeptOutput, Whose, note
from services.workflow.reuse.seeking import answer_to


class VirtualOutputs:
    """What is kept, by the same rules as in the service."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], KeptOutput] = {}

    def note(self, run: Run, found: Iterable[Kept | Dropped], now_us: int) -> None:
        """Keep and drop what an event of a run says."""
        changes: Changes = {}
        note(changes, Whose(run.id, run.namespace, run.workflow), found, now_us)
        for key, change in changes.items():
            if isinstance(change, KeptOutput):
                self._kept[key] = change
            elif key in self._kept and self._kept[key].run_id == change:
                del self._kept[key]

    def find(self, run: Run, seek: Seek, now_us: int) -> Sought:
        """The answer to a step that looks for what an equal one gave."""
        kept = self._kept.get((run.namespace, seek.task, seek.key))
        return answer_to(seek, kept, now_us)
