"""The kinds of step, one module each, and the names of those that are still to come.

A new kind is a module with a `KindSpec`, a line in `KINDS`, and one line less in `UPCOMING_KINDS`;
the reader, the checks, the compiler and the editors' schema take it from there.
"""

from stretto.definition.kinds.fail import FAIL
from stretto.definition.kinds.set import SET
from stretto.definition.kinds.spec import KindSpec
from stretto.definition.kinds.switch import SWITCH
from stretto.definition.kinds.task import TASK
from stretto.definition.kinds.wait import WAIT

KINDS: dict[str, KindSpec] = {spec.name: spec for spec in (TASK, SET, SWITCH, WAIT, FAIL)}

UPCOMING_KINDS = {
    "decide": "a decision table",
    "signal": "waiting for a signal",
    "approval": "waiting for a person",
    "workflow": "a child run",
    "steps": "a nested group",
    "repeat": "a loop",
    "emit": "an event of one's own",
}
"""Kinds that the language has but this version does not: name → what it is."""

UPCOMING_FIELDS = {
    "route": "where it may run",
    "resources": "what it holds meanwhile",
    "concurrency": "how many at once",
    "catch": "what follows a failure",
}
"""Fields of steps that the language has but this version does not."""
