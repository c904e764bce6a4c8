"""The monitoring service: projections of runs and steps, counts, latencies; asked over the bus.

It owns the schema `monitoring` and nothing in it that cannot be read again from the log.

::

    stretto.log.* ──► Intake ──► Book (runs in memory) ──► Store.commit (one statement a batch)
                        │          ▲  gap: workflow.history          │
                        │          │                                 ▼
                        └── Rebuild (workflow.export)            Postgres ◄── Reads ◄── asked
    stretto.stats.* ──► ServicesSeen ────────────────────────────────────────────┘

Invariants

1. Idempotent by (run_id, seq): events that come again or late change nothing; a gap is filled from
   the log before what is behind it is applied.
2. One instance reads the log at a time (an advisory lock, held by the session that writes); all
   instances answer, from Postgres. What was not committed was not acknowledged.
3. A run's row is written when it changes, at most once a commit; commits take at most a
   twentieth of the time (`Pace`). Under load monitoring lags, it does not hinder.
4. Payloads are not kept: `show` reads them from the log.
"""
