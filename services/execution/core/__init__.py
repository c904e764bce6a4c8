"""Admission and binding of attempts: pure. No bus, no clock, no randomness, no logging.

An attempt is known here from its dispatch until its result was read (or nobody wants it any more)::

                                       somebody announces its task
               ┌─────────► UNBOUND ────────────────────────┐
               │ nobody does, and whoever serves           ▼            cut            stored
    dispatched ┤ `default` announces others     ┌──────► HELD ────────► SENDING ────────► OUT
               ├────────────────────────────────┘          ▲                │             │
               │ its queue, one whose workers announce     ├────────────────┘ not stored  │
               │ its task, or `default`                    └──────────────────────────────┘
               └─────────► OWN (tasks `std.*`)               store lost · vanished · moved

    any ─► GONE: its result was read · withdrawn · its heartbeat stopped

`OUT` is in the work stream or at a worker: who has it is not known here, and need not be.

What is kept is soft: the work stream holds what is out (`recover`), the workflow service sends the
rest again (`DispatchRecord.again`).

Where an attempt without a queue goes

1. To a queue whose present workers announce its task: that with the least work a slot.
2. Nobody announces it: to `default`, where a worker without presence may take it. It is *parked*
   there: when somebody announces the task later, it is taken out again, unless it was claimed.
3. Unless all who serve `default` announce other tasks: then it is `UNBOUND`.

How messages are cut (`cut`): a message holds at most a fair part of what is there for each present
worker, a quarter of the slots of the smallest one, 100 attempts, and 512 KiB. An attempt goes alone
when no worker is present, when it is parked, or when its task takes long: there is nothing to gain
then, and the others of its message would not be free for another worker.

Invariants

1. An id that is known is not admitted again: at most one message with it is out (but see 2).
2. Whenever it is doubtful whether an attempt is still out, it is sent again: its id fences it.
3. At most `Line.limit` attempts of a queue are out; those held leave in the order they came, or,
   where workflows or priorities differ, in that of `order`. Named resources: see `resources`.
4. Held attempts are bounded by `full`: then no more are dispatched to us.
5. A heartbeat is only watched from its first sign; silence counts only while we were listening.
"""
