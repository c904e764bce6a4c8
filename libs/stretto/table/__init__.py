"""Decision tables: what their conditions mean, what is wrong with them, and how a rule is found.

::

    "< 10", "eu, us", "[1..5)"  ── cells ──►  ValueSet (intervals of one order)  or an expression
                                                   │
                   registration: check  ◄──────────┼──────────►  running: index, compiled
                   gaps, overlaps, dead rules      │             bit masks of rules by value

Invariants:

1. Every condition that is not an expression is a set of JSON values; what is said about sets
   (gaps, overlaps, dead rules) is exact.
2. Which rules fit depends on the table and the inputs alone, never on what was measured before:
   measurements change the order of work, not its result.
3. Work is bounded: by the limits of `limits`, and where a check gives up it says so.
"""
