"""What is not believed: runs whose memory may be behind the log, and commits whose answer was lost.

The log decides. A run in doubt is forgotten and folded again; what another writer's commits may
have left unsent is kept until it is repaired.
"""

import logging
from collections.abc import Callable, Iterable

from services.workflow.batch import Batch
from services.workflow.loading import Loader
from services.workflow.slots import Slot
from services.workflow.store import Store
from stretto.postgres.errors import Conflict
from stretto.telemetry.names import LOG_RUNS

logger = logging.getLogger(__name__)


class Doubts:
    """Which runs of an engine are in doubt.

    Attributes:
        repairs: the last event of ours, by run: later ones in the log are others', and may be
            untold and unsent.
    """

    def __init__(self, store: Store, loader: Loader, loaded: Callable[[list[Slot]], None]) -> None:
        self._store = store
        self._loader = loader
        self._loaded = loaded
        self._forgotten: set[bytes] = set()
        self.repairs: dict[bytes, int] = {}

    def forget(self, batch: Batch) -> None:
        """Nothing in memory of a batch that is not committed may be believed."""
        for run_id in batch.touched:
            self._loader.forget(run_id)
        self._forgotten.update(batch.touched)

    def fold_again(self, run_ids: Iterable[bytes]) -> None:
        """Have runs that have left memory folded again, at the next `recall`."""
        self._forgotten.update(run_ids)

    def to_repair(self, batch: Batch) -> None:
        """Another writer was first: what it has committed may be untold and unsent."""
        for run_id, touched in batch.touched.items():
            if touched.slot.stored:
                self.repairs.setdefault(run_id, touched.slot.committed_seq)

    async def recall(self) -> None:
        """Fold again what was forgotten.

        Raises TransientError when the log cannot be read; nothing is lost then.
        """
        if self._forgotten:
            self._loaded(await self._loader.load(self._forgotten))
            self._forgotten.clear()

    async def verify(self, batch: Batch) -> None:
        """Raise Conflict when a run that has refused a command is behind the log."""
        held = self._loader.slots
        doubted = [i for i in batch.refused if i not in batch.touched and i in held]
        if not doubted:
            return
        heads = await self._store.heads(doubted)
        behind = [i for i in doubted if heads[i] != held[i].run.seq]
        for run_id in behind:
            self.repairs.setdefault(run_id, held[run_id].committed_seq)
            self._loader.forget(run_id)
        if behind:
            self._forgotten.update(behind)
            raise Conflict(
                "workflow.behind",
                f"expected {len(behind)} runs to be as in the log, but others have written",
            )

    async def in_log(self, tried: list[Batch]) -> Batch | None:
        """Of appends whose answer was lost, the one whose rows are in; its runs are held again.

        Raises TransientError when the log cannot be asked.
        """
        for batch in tried:
            first = next(iter(batch.touched.values()))
            event = first.written[0]
            run_id = first.slot.run.id
            if await self._store.holds(run_id, event.seq, event.type, event.at_us):
                for touched in batch.touched.values():
                    self._loader.adopt(touched.slot)
                self._forgotten -= batch.touched.keys()
                logger.info("commit found in the log", extra={LOG_RUNS: len(batch.touched)})
                return batch
        return None
