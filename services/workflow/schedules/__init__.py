"""Schedules: runs that are started by the clock.

Owns the tables `workflow.schedule`, `schedule_firing` and `schedule_change`. What they say is the
truth; the bus carries requests (`stretto.schedules.<ns>`) and the starts that come of them.

::

    requests ─► asking ─┐                       ┌─► sending ─► stretto.start / control
                        ├─► policy ─► store ────┤
    the clock ─► keeper ┘   (pure)   (commit)   └─► reads

    a firing:  waiting ─► starting ─► started ─► ended
                  │           └────► refused
                  └─► skipped               missed

Invariants

1. `policy` is pure: no I/O, no clock. Time comes in by argument.
2. Nothing is sent that is not committed. What is committed and was not answered is sent again.
3. An instant of a schedule is one firing (primary key), and a firing is one run however often its
   start is sent: the run id is committed with it. `schedule.turn` (compare and set) makes two
   instances that decide about the same schedule at once decide one after the other.
4. A schedule belongs to a shard by its name; the owner of its partition keeps its clock. That is an
   arrangement for speed: two owners at once start nothing twice (3).
5. A schedule that waits for something says for what: the clock (`due_at`), an open run (a firing
   that waits), or a person (paused).
"""
