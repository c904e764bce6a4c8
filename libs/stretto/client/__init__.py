"""The client: start runs, wait for them, watch and control them, register definitions.

::

    async with Client.connect() as client:
        run = await client.start("order-fulfilment", {"order_id": "42"}, id="order-42")
        async for event in run.events(): ...
        output = await run.result()

One connection, three core subscriptions, however many runs are in flight::

    start, control ──► JetStream ──┐ acknowledgement ─► ReplyBox ─► who asked
    reads, definitions ────────────┘ answer
    stretto.closed.<ns>.>    ──► Endings ─► run.result() of the run it is about
    stretto.rejected.<ns>    ──► Endings ─► the same: a start that was refused is over, too

Invariants

1. Every wait has a limit that the caller can set; only `run.result()` and `run.events()` wait
   without one by default, because a run may take days.
2. Messages on core NATS are hints. What they would have said is asked for after a while, after
   a reconnection, and where the sequence numbers show a gap: no wait depends on one message.
3. A start has its run id before it is sent, so it can be sent again without a second run.
"""

from stretto.client.client import Client
from stretto.client.errors import (
    DefinitionMistakes,
    Rejected,
    RunCancelled,
    RunEnded,
    RunFailed,
)
from stretto.client.feed import RunEvent
from stretto.client.run import Run
from stretto.client.starting import Start
from stretto.runtime.errors import NotReachable, StrettoError

__all__ = [
    "Client",
    "DefinitionMistakes",
    "NotReachable",
    "Rejected",
    "Run",
    "RunCancelled",
    "RunEnded",
    "RunEvent",
    "RunFailed",
    "Start",
    "StrettoError",
]
