"""Which devices fit an attempt, the best first. Pure but for its clock, which is handed in.

::

    presence ──► Fleet (devices, indexed by task, capability, label, attribute)
                   │ narrowed by the terms of `where` that an index knows
                   ▼
    question ──► Matcher ── the rest of `where` ──► those that fit ──► strategy ──► candidates
                                                         ▲                │
    outcomes ──► Observed (times, failures, who is set aside) ◄───────────┘ learned, fastest

Invariants

1. Whoever does not fulfil `where` is never a candidate; whoever knows other tasks only neither.
2. A device that is set aside is a candidate only when nobody else is, or to try it again.
3. The index only narrows: the condition itself decides, unless all of it was an index's.
4. Everything here can be lost: presence and outcomes bring it back.
"""
