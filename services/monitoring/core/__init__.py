"""The fold of a run's events into what lists and pages show. Pure: no clock, no I/O.

::

    step   (none) ─activated─► deciding ─scheduled─► scheduled ─started─► running
                       │            ▲                    │                  │
                       ▼            └──── retrying ◄─────┴─failed+retry_at──┤
                   skipped                                                  ▼
                   waiting ──────────────────────────► completed | failed | cancelled

    run    running ─failing─► failing ─► completed | failed | cancelled | terminated

A projection never refuses: an event of a type that this build does not know moves `last_seq` on and
changes nothing else.
"""
