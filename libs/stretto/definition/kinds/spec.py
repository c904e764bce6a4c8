"""What a kind of step is: its key, the shape of its value, the fields it takes, and its body."""

from collections.abc import Callable
from typing import Any, NamedTuple

from stretto.contracts.graph import Kind
from stretto.definition.model import Body
from stretto.definition.shapes import Shape

ANY_STEP = frozenset({"needs", "if", "labels", "description"})
"""Fields that every kind takes."""

PER_ITEM = frozenset({"for_each", "max_parallel", "join", "rest", "rollout"})
"""Fields of kinds that can be done for every item of a list."""

UNDOABLE = frozenset({"compensate"})
"""Fields of kinds that do something which can be undone."""

CATCHING = frozenset({"catch"})
"""Fields of kinds whose failure can be handled."""

TIMED = frozenset({"timeout"})
"""Fields of kinds that can take long."""

CHILD = frozenset({"with", "retry"})
"""Fields of kinds that start something with an input, again if need be."""

WORK = CHILD | TIMED | {"queue", "route", "priority", "resources", "rate"}
"""Fields of kinds that ask a worker."""

PLACED = frozenset({"concurrency"})
"""Fields of kinds that are under way for a while."""

REUSABLE = frozenset({"cache"})
"""Fields of kinds whose output can be that of an equal step."""

GROUP = frozenset({"output"})
"""Fields of groups."""


class KindSpec(NamedTuple):
    """A kind of step.

    `body` gets the value of the kind's key as its shape read it, and the other fields of the step
    that were read (`with`, `queue` …), and gives the body; it has nothing left to report.
    """

    name: Kind
    description: str
    shape: Shape[Any]
    fields: frozenset[str]
    body: Callable[[Any, dict[str, Any]], Body]
