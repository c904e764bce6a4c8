"""A fault of one run: code of ours that does not hold for it, or a log that cannot be folded.

Only that run is set aside; the others go on. What concerns the whole build is none: an event of a
type that this build does not know ends the service (`BuildOlder`)."""

from stretto.contracts.codec import UnknownEvent
from stretto.runtime.errors import PermanentError

FAULTS = (ArithmeticError, AssertionError, LookupError, RecursionError, TypeError, ValueError)
"""What a bug, or a row that nobody wrote like that, raises."""


class BuildOlder(PermanentError):
    """The log holds what only a newer build understands: this one must not own its runs."""

    def __init__(self, error: UnknownEvent) -> None:
        super().__init__("workflow.build_older", str(error))


class Spoiled(Exception):
    """A command met a fault of its run while others were decided with it."""
