"""An attempt, as admission knows it, and the table of what may become of it."""

import enum
from collections.abc import Mapping
from typing import NamedTuple

from stretto.contracts.admission import DEFAULT_PRIORITY

Demand = tuple[tuple[str, int], ...]
"""Named resources and how much of each, by name."""


class State(enum.IntEnum):
    """Where an attempt is; see the package's docstring. Integers: they hash without Python code."""

    NEW = 0
    UNBOUND = 1
    HELD = 2
    SENDING = 3
    OUT = 4
    OWN = 5
    GONE = 6


FOLLOWING: Mapping[State, frozenset[State]] = {
    State.NEW: frozenset({State.UNBOUND, State.HELD, State.OUT, State.OWN}),
    State.UNBOUND: frozenset({State.UNBOUND, State.HELD, State.GONE}),
    State.HELD: frozenset({State.HELD, State.UNBOUND, State.SENDING, State.GONE}),
    State.SENDING: frozenset({State.OUT, State.HELD, State.GONE}),
    State.OUT: frozenset({State.HELD, State.UNBOUND, State.GONE}),
    State.OWN: frozenset({State.GONE}),
    State.GONE: frozenset(),
}
"""What may follow on what. `NEW` is an attempt that was not admitted yet."""


class Attempt:
    """One attempt: what is sent for it, and where it is.

    Attributes:
        id: `run_id:path:attempt`.
        queue: the queue that it is bound to; None while it is bound to none.
        payload: the `Task` as JSON: what a work message holds.
        reply: where its result goes.
        heartbeat_s: how long its worker may be silent; 0: for ever.
        traceparent: the parent of its spans, None where its run is not traced.
        arrived_us: when it was dispatched to us, the instant of `admit`.
        seq: the sequence number of its work message, 0 while it has none.
        alone: nothing else is in its work message.
        parked: it is in `default` because nobody announces its task.
        workflow: whose attempt it is: the workflows of a queue take turns.
        priority: 0 to 9, the higher goes first.
        demand: the named resources that it needs all at once; None where it needs none.
        has_resources: whether it has them.
        rated: it counts for the rate of a key.
    """

    __slots__ = (
        "alone",
        "arrived_us",
        "demand",
        "has_resources",
        "heartbeat_s",
        "id",
        "namespace",
        "parked",
        "payload",
        "priority",
        "queue",
        "rated",
        "reply",
        "seq",
        "state",
        "task",
        "traceparent",
        "workflow",
    )

    def __init__(
        self,
        *,
        id_: str,
        namespace: str,
        task: str,
        queue: str | None,
        payload: bytes,
        reply: str,
        heartbeat_s: float = 0.0,
        traceparent: str | None = None,
        workflow: str = "",
        priority: int = DEFAULT_PRIORITY,
        demand: Demand | None = None,
        rated: bool = False,
    ) -> None:
        self.id = id_
        self.namespace = namespace
        self.task = task
        self.queue = queue
        self.payload = payload
        self.reply = reply
        self.heartbeat_s = heartbeat_s
        self.traceparent = traceparent
        self.workflow = workflow
        self.priority = priority
        self.demand = demand
        self.has_resources = False
        self.rated = rated
        self.arrived_us = 0
        self.seq = 0
        self.alone = False
        self.parked = False
        self.state = State.NEW

    def become(self, state: State) -> None:
        """Move to another state; a bug if the table does not allow it."""
        assert state in FOLLOWING[self.state], (
            f"{self.id}: {self.state.name} cannot become {state.name}"
        )
        self.state = state


class Counts(NamedTuple):
    """How many attempts of a lane are where."""

    known: int
    unbound: int
    held: int
    out: int
    own: int
