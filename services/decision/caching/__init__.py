"""Results of dear plans, kept by what they are a function of: the plan and its values.

::

    record ──► is its plan dear? ──no──► worked out, as if there was no cache (a comparison)
                     │ yes
                     ▼
               this process ──miss──► Redis, if it is up (one question a batch) ──miss──► worked out
                     ▲                                                               │
                     └──────────────── kept here, then there (later) ◄───────────────┘

Invariants

1. A result is given for the same bytes of plan and values only: `1`, `1.0`, `true` and a value of a
   step that did not run are four things. The digest is of 192 bits.
2. What is not a function of these bytes (devices that are present) and what failed is not kept.
3. Only what pays is kept: plans are dear by measured times, and rest when they hit too rarely.
4. The code that works results out is a part of the key: another build shares nothing with it.
"""
