"""Where attempts go that name no queue; what this is for is told in the package's docstring.

Of those that wait for somebody (unbound), and of those that went to `default` because nobody said
that he does their task (parked), it is known which there are, by namespace and task.
"""

from collections.abc import Callable

from services.execution.core.attempt import Attempt, State
from services.execution.core.effects import Effect, Move
from services.execution.core.roster import Roster

DEFAULT_QUEUE = "default"

_Index = dict[tuple[str, str], dict[str, Attempt]]


class Binding:
    """See the module's docstring.

    Args:
        load: how much there is to do for a slot of a queue, by namespace and name.
    """

    def __init__(self, roster: Roster, load: Callable[[str, str], float]) -> None:
        self._roster = roster
        self._load = load
        self._unbound: _Index = {}
        self._parked: _Index = {}
        self.unbound = 0
        """How many wait for somebody who does their task."""

    def queue_for(self, attempt: Attempt) -> str | None:
        """Choose a queue for an attempt that named none; None: it is unbound from now on."""
        namespace = attempt.namespace
        serving = self._roster.serving(namespace, attempt.task)
        if serving:
            return min(serving, key=lambda queue: self._load(namespace, queue))
        if self._roster.takes_anything(namespace, DEFAULT_QUEUE):
            self.park(attempt)
            return DEFAULT_QUEUE
        attempt.become(State.UNBOUND)
        attempt.queue = None
        self._unbound.setdefault((namespace, attempt.task), {})[attempt.id] = attempt
        self.unbound += 1
        return None

    def waiting_for(self, namespace: str, task: str) -> list[Attempt]:
        """Those that are unbound and wait for somebody who does this task."""
        return list(self._unbound.get((namespace, task), {}).values())

    def leave_unbound(self, attempt: Attempt) -> None:
        """Note that an attempt that was unbound is so no more."""
        _discard(self._unbound, attempt)
        self.unbound -= 1

    def parked(self, namespace: str, task: str) -> list[Attempt]:
        """Those of a task that are parked."""
        return list(self._parked.get((namespace, task), {}).values())

    def parked_tasks(self, namespace: str) -> list[str]:
        """The tasks of all that are parked."""
        return [task for place, task in self._parked if place == namespace]

    def park(self, attempt: Attempt) -> None:
        """Note that an attempt is in `default` because nobody says that he does its task."""
        attempt.parked = True
        self._parked.setdefault((attempt.namespace, attempt.task), {})[attempt.id] = attempt

    def unpark(self, attempt: Attempt) -> None:
        """Note that an attempt is parked no more."""
        attempt.parked = False
        _discard(self._parked, attempt)

    def moves_if_misplaced(self, attempt: Attempt) -> list[Effect]:
        """Move a parked attempt that would not be bound to `default` now, where that can be."""
        serving = self._roster.serving(attempt.namespace, attempt.task)
        if DEFAULT_QUEUE in serving or not attempt.alone:
            return []
        if not serving and self._roster.takes_anything(attempt.namespace, DEFAULT_QUEUE):
            return []
        return [Move(attempt, attempt.seq)]


def _discard(index: _Index, attempt: Attempt) -> None:
    """Take an attempt out of an index by namespace and task."""
    key = (attempt.namespace, attempt.task)
    members = index[key]
    del members[attempt.id]
    if not members:
        del index[key]
