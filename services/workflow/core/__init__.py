"""The workflow core: what may happen to a run, and what follows from what happened. Pure.

    command ──► decide(run, command, now) ──► events | Rejection      reads, never changes
    event   ──► apply(run, event, seq, at)                            changes, never refuses
    event   ──► effects(run, event)         ──► asks, dispatches, timers …   reads

A run is a tree of nodes. A node is a step, a `for_each` (EACH) with its items (ITEM), or the
compensation of a completed step (COMPENSATION), or a round of a loop (ROUND); a group, a round and
a handler hold steps of their own (`Scope`). The life of a node:

                    ┌──────────────────────────── skipped
                    │ condition false, need skipped, not chosen
    pending ──► deciding ──► scheduled ──► [started] ──► completed
       │  (nothing to ▲ │        │  ▲          │ result      ▲
       │    decide) ──┘ │ failed │  │ timer    │ failed      │
       │                │        ▼  │          ▼             │ all items ended
       │                │       backoff ◄──────┘             │
       │                ├──► waiting ──(timer)───────────────┤
       │                └──► open (for_each) ────────────────┘
       └─► every state that is not an end ──► failed | cancelled

A compensation that fails for good is *blocked* instead: it stays open until a person has it tried
again (pending) or does without it (skipped).

and of the run:

    running ──► finishing (its output is worked out) ──► completed
       │                      │
       └──────────────────────┴──► failing ──► compensating ──► failed | cancelled
    any of them ──► terminated

A run that runs may go back: by `run.rewound` at once, by `run.rolling_back` when what came of a
step has ended and is undone (`undoing`). It may follow another version (`moving`), and it may begin
where another run stood (`forking`).

Invariants

1. `decide` is given a run and reads it; only `apply` writes, and every write is O(1) an event,
   except the moments a run begins to fail, is undone, goes back or moves to another version, which
   look at each of its steps once.
2. What has to be decided next without anybody asking is in `run.todo`, put there by `apply`;
   `decide(run, CONTINUE, now)` turns its first entry into events. It is empty between commits,
   unless the run is paused, waits for a place, or goes back.
3. Every node in `run.open` is waited for by somebody: `pending.causes` names who. A run that is not
   closed and has neither an open node nor a todo is a fault of ours.
4. An attempt is fenced by (path, attempt), an ask by (path, turn); what does not fit is rejected.
5. `effects` is a function of the event and the run after it, so `open_effects(run)` can make again
   all that a crash has swallowed.
"""

from services.workflow.core.apply import apply
from services.workflow.core.commands import CONTINUE, Command, Rejection
from services.workflow.core.decide import decide
from services.workflow.core.effects import effects, is_asked, open_effects
from services.workflow.core.state import Run

__all__ = [
    "CONTINUE",
    "Command",
    "Rejection",
    "Run",
    "apply",
    "decide",
    "effects",
    "is_asked",
    "open_effects",
]
