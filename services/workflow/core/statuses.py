"""Where a run and its nodes stand, and what a node is. The order of the numbers matters."""

from enum import IntEnum


class NodeStatus(IntEnum):
    """Where a node stands. The order matters: from COMPLETED on it has ended."""

    PENDING = 0
    DECIDING = 1
    SCHEDULED = 2
    STARTED = 3
    BACKOFF = 4
    WAITING = 5
    OPEN = 6
    BLOCKED = 7
    QUEUED = 8
    SEEKING = 9
    COMPLETED = 10
    FAILED = 11
    SKIPPED = 12
    CANCELLED = 13

    @property
    def word(self) -> str:
        return self.name.lower()


class Role(IntEnum):
    """What a node is."""

    STEP = 0
    EACH = 1
    ITEM = 2
    ROUND = 3
    COMPENSATION = 4


class RunPhase(IntEnum):
    """Where a run stands. From COMPLETED on it is closed."""

    RUNNING = 0
    FINISHING = 1
    FAILING = 2
    COMPENSATING = 3
    COMPLETED = 4
    FAILED = 5
    CANCELLED = 6
    TERMINATED = 7

    @property
    def word(self) -> str:
        return self.name.lower()


OUT = (NodeStatus.SCHEDULED, NodeStatus.STARTED)
"""An attempt is out with execution or a worker."""
