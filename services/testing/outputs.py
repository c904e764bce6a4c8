"""Outputs that the runs of a world have kept for equal steps. Elsewhere the database holds them."""

from collections.abc import Iterable

import msgspec

from services.workflow.core.commands import Sought
from services.workflow.core.effects import Seek
from services.workflow.core.reuse import Dropped, Kept, input_of
from services.workflow.core.state import Run
from services.workflow.reuse.noting import Changes, KeptOutput, Whose, note
from services.workflow.reuse.seeking import answer_to
from stretto.contracts.codec import json_encode
from stretto.testing.replies import Attempt, Reply, reused_of

MOCKED_RUN = bytes(16)
"""The run of which a test says that a step takes what it gave."""


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

    def find(self, run: Run, seek: Seek, now_us: int, script: Reply, call: int) -> Sought:
        """The answer to a step that looks for what an equal one gave: as the `script` of its task
        says, whose call number `call` it would be, or what was kept."""
        node = run.nodes[seek.path]
        assert node.plan.task is not None
        given = msgspec.json.decode(input_of(node) or node.plan.task.input)
        attempt = Attempt(seek.task, seek.path, node.attempt + 1, given, call)
        mocked = reused_of(script, attempt)
        kept = self._kept.get((run.namespace, seek.task, seek.key))
        if mocked is not None:
            output = json_encode(mocked.output)
            kept = KeptOutput(MOCKED_RUN, "", seek.path, output, now_us, now_us + 1)
        return answer_to(seek, kept, now_us)
