"""What an imported run may say of itself: what a start would have been refused for is refused here.

The document need not come from an installation of ours. What it says of names becomes subjects of
the bus, its numbers columns, its parent the address of an answer: one that none of our own could
have written would end a service each time that the log is read.
"""

from collections.abc import Iterable

from services.workflow.reading_starts import MAX_DEPTH_TOLD, MAX_ID_CHARS, check_labels
from services.workflow.rows import StoredEvent
from stretto.contracts import events as ev
from stretto.contracts import subjects
from stretto.contracts.ids import parse_attempt_id
from stretto.history.document import DefinitionText

MAX_IMPORTED_VERSION = 1_000_000
"""Versions are counted on from the highest one that there is: room has to be left above it."""

EARLIEST_US = 946_684_800_000_000
"""2000-01-01: before there were any runs."""

MAX_AHEAD_US = 86_400_000_000
"""A day: clocks of installations differ, but not by more. The log's partitions are made a week
ahead."""

_ONCE_AN_INSTANT = frozenset(
    each.type
    for each in (
        ev.RunCompleted,
        ev.RunFailed,
        ev.RunCancelled,
        ev.RunTerminated,
        ev.StepScheduled,
        ev.StepCompleted,
        ev.StepFailed,
    )
)
"""What cannot happen twice in the same microsecond with the same content. A signal can."""


def check_origin(began: ev.RunStarted) -> None:
    """Raise ValueError, with a sentence, where no start could have begun the run so."""
    for what, name in (("namespace", began.namespace), ("workflow", began.workflow)):
        if not subjects.is_name(name):
            raise ValueError(f"expected a {what} {subjects.NAME_PATTERN}, but got {name[:60]!r}")
    if began.id is not None and not 0 < len(began.id) <= MAX_ID_CHARS:
        raise ValueError(
            f"expected an id of 1 to {MAX_ID_CHARS} characters, but got {began.id:.60}"
        )
    check_labels(began.labels)
    if began.parent is not None:
        parse_attempt_id(began.parent)
    if not 0 <= began.depth <= MAX_DEPTH_TOLD:
        raise ValueError(f"expected a depth of 0 to {MAX_DEPTH_TOLD}, but got {began.depth}")


def check_versions(definitions: Iterable[DefinitionText]) -> None:
    """Raise ValueError where a version has a number that registering does not give."""
    for each in definitions:
        if not 0 < each.version <= MAX_IMPORTED_VERSION:
            told = str(each.version)[:24]
            raise ValueError(f"expected versions from 1 to {MAX_IMPORTED_VERSION}, but got {told}")


def check_times(events: Iterable[StoredEvent], now_us: int) -> None:
    """Raise ValueError where an event is from before there were runs, or from after tomorrow."""
    for each in events:
        if not EARLIEST_US <= each.at_us <= now_us + MAX_AHEAD_US:
            raise ValueError(
                f"expected event {each.seq} to be of the years since 2000 and not of days to come"
            )


def check_course(events: Iterable[StoredEvent]) -> None:
    """Raise ValueError where an event stands twice: such a log folds, but nobody wrote it.

    Its numbers are not looked at (`read_document` has): a copy has one of its own.
    """
    seen: dict[tuple[str, int, bytes], int] = {}
    for each in events:
        if each.seq > 1 and each.type == ev.RunStarted.type:
            raise ValueError(f"expected run.started once, but event {each.seq} is another")
        if each.type in _ONCE_AN_INSTANT:
            first = seen.setdefault((each.type, each.at_us, each.data), each.seq)
            if first != each.seq:
                raise ValueError(
                    f"expected each event once, but event {each.seq} ({each.type}) is event "
                    f"{first} again"
                )
