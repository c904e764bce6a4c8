"""What a small round does before its commit: it asks its questions, and waits a moment for the
answers (ADR 0008)."""

from services.workflow.batch import Batch
from services.workflow.core.commands import Decided
from services.workflow.core.effects import Ask, Effect
from services.workflow.deciding import Deciding
from services.workflow.faults import FAULTS
from services.workflow.frame_sizes import SMALL_FRAME_RECORDS
from services.workflow.inbox import Addressed, Arrival, Inbox, Item
from services.workflow.outgoing import Frames
from services.workflow.patience import ANSWERED_SOON_S, Patience
from services.workflow.sending import Sender
from stretto.runtime.clock import Clock

MAX_ANSWERS_AHEAD = 4
"""How many questions one after the other a round may wait for: they are asked again, and no more
than a few milliseconds of work done again, when the service ends before the commit."""


class Foreseeing:
    """Asks ahead, and goes on with what is answered at once."""

    def __init__(
        self, sender: Sender, inbox: Inbox, deciding: Deciding, clock: Clock, lanes: int
    ) -> None:
        self._sender = sender
        self._inbox = inbox
        self._deciding = deciding
        self._clock = clock
        self._lanes = lanes
        self.patience = Patience()

    async def foresee(self, batch: Batch, held: list[Arrival], items: list[Item] | None) -> None:
        """Ask, and carry out the answers that come within the time of a commit: they are added to
        what is `held` and to the `items` of the round. Without `items` nothing is waited for.

        Raises what `Deciding.decide` raises.
        """
        for _ in range(MAX_ANSWERS_AHEAD):
            if not await self._ask(batch) or items is None or not self.patience.pays():
                return
            answers = await self._answers(batch)
            if not answers:
                return
            held += answers
            more = [item for arrival in answers for item in arrival.items]
            items += more
            # A decision took the time that it took: what follows it has a later instant.
            batch.now_us = max(batch.now_us, self._clock.now_us())
            await self._deciding.decide(batch, more, alone=False)

    async def _ask(self, batch: Batch) -> bool:
        """Ask the new questions of a small round; whether there were any.

        A question changes nothing, and its answer is fenced by the event that asked: when that is
        not committed after all, the answer fits no run.
        """
        if len(batch.touched) > SMALL_FRAME_RECORDS:
            return False
        if any(touched.slot.refers for touched in batch.touched.values()):
            return False  # their values come from the log
        frames = Frames(batch.now_us, self._lanes)
        asks: dict[int, Ask] = {}
        try:
            for touched in batch.touched.values():
                own = {id(e): e for e in unasked(touched.effects, batch) if isinstance(e, Ask)}
                frames.add(touched.slot, own.values())
                asks |= own
        except FAULTS:
            return False  # met again, and told, when it is committed
        if frames.too_large or not await self._sender.questions(frames):
            return False
        batch.asked |= asks
        return True

    async def _answers(self, batch: Batch) -> list[Arrival]:
        """Give the questions a moment to be answered; whatever else arrives ends the wait."""
        began = self._clock.monotonic()
        await self._inbox.soon(ANSWERED_SOON_S)
        answers = self._inbox.remove(lambda arrival: _answers_one_of(batch, arrival))
        took_s = self._clock.monotonic() - began
        self.patience.answered(took_s if answers else ANSWERED_SOON_S)
        return answers


def unasked(effects: list[Effect], batch: Batch) -> list[Effect]:
    """What is left to be done of the effects."""
    return [e for e in effects if id(e) not in batch.asked] if batch.asked else effects


def _answers_one_of(batch: Batch, arrival: Arrival) -> bool:
    """Whether it brings answers for runs of this batch, and nothing else."""
    return all(
        isinstance(item, Addressed)
        and isinstance(item.command, Decided)
        and item.run_id in batch.touched
        for item in arrival.items
    )
