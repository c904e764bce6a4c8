"""The worker: the part of the SDK that runs handlers for tasks.

::

    from stretto import Worker

    worker = Worker(queue="payments", slots=100)

    @worker.task("payment.charge")
    async def charge(amount: float, ref: str) -> dict: ...

    worker.serve()

What it owns: handlers, how inputs become arguments and outputs become results, threads and
processes, the attempts that are here, and their messages.

::

    work message ─► ledger ─► runner ─► handler ─► outbox ─► reply subject
         ▲            which      slots               natural            │
         │            are here   deadlines           batches            │ stored
         └───────────────────────── acknowledged ◄──────────────────────┘

Invariants

1. A message is acknowledged only when the results of all its attempts are stored.
2. An attempt that is here is not begun twice; one that was finished here is answered from memory.
3. A handler that blocks, fails, returns nonsense or never ends does not hold up the others.
4. Everything is bounded: slots, what waits for the store, what is remembered.

What it cannot promise: an attempt whose worker dies is run again by another one. Whoever carries
out an effect that must not happen twice gives `ctx.idempotency_key` to the other side.
"""

from stretto.worker.context import Context
from stretto.worker.errors import (
    HandlerRefused,
    InvalidInput,
    InvalidOutput,
    NonRetryable,
    TooLarge,
)
from stretto.worker.process import NoWorkers, load_workers, run_workers
from stretto.worker.worker import Worker

__all__ = [
    "Context",
    "HandlerRefused",
    "InvalidInput",
    "InvalidOutput",
    "NoWorkers",
    "NonRetryable",
    "TooLarge",
    "Worker",
    "load_workers",
    "run_workers",
]
