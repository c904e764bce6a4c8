"""The pure part of the decision service: from a plan and values to an answer.

::

    AskPlan bytes ──► PlanCache ──► CompiledPlan ─┐
                                                  ├─► evaluate ──► DecidedRecord (skip, error, or
    values (JSON bytes) ──► FrameValues ──────────┘                output, items, branch, values)

A record is worked out in this order; the first that says no ends it:

1. `condition`   false: skip
2. `template`    the output, as JSON
3. `items`       a list, each item as JSON
4. `cases`       the index of the first that is true, -1 for none; a case without condition is true
5. `table`       the output of a decision table, and the rules that counted
6. `values`      further templates by name

Invariants

1. Nothing is kept between records but compiled programs, which follow from the plan's bytes, and
   what their parts cost and leave: it changes the order of the work, never an answer.
2. What is wrong with an expression, a plan or a value is an answer (`error`), never an exception.
3. A value is decoded once a frame, and only when a record needs it.
4. Results may share structure with values; nothing is ever changed.
"""
