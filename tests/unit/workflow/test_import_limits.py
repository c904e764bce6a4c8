"""What an imported run may say of itself: what no start could have said is refused."""

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from services.workflow import import_limits
from services.workflow.import_limits import check_course, check_origin, check_times, check_versions
from services.workflow.reading_starts import MAX_DEPTH_TOLD, MAX_ID_CHARS
from services.workflow.rows import StoredEvent
from stretto.contracts import events as ev

from .builders import START_US

BEGAN = ev.RunStarted(namespace="default", workflow="wf", version=1, input=msgspec.Raw(b"{}"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"namespace": "A b"}, "expected a namespace"),
        ({"workflow": ">"}, "expected a workflow"),
        ({"id": ""}, "expected an id of 1 to"),
        ({"id": "x" * (MAX_ID_CHARS + 1)}, "expected an id of 1 to"),
        ({"parent": "nobody"}, "nobody"),
        ({"depth": MAX_DEPTH_TOLD + 1}, "expected a depth of 0 to"),
    ],
)
def test_an_origin_that_no_start_has_is_refused(fields: dict[str, Any], said: str) -> None:
    check_origin(BEGAN)
    check_origin(msgspec.structs.replace(BEGAN, id="x" * MAX_ID_CHARS, depth=MAX_DEPTH_TOLD))

    with pytest.raises(ValueError, match=said):
        check_origin(msgspec.structs.replace(BEGAN, **fields))


@pytest.mark.parametrize("version", [0, import_limits.MAX_IMPORTED_VERSION + 1])
def test_versions_leave_room_above_them(version: int) -> None:
    of = [cast(Any, SimpleNamespace(version=each)) for each in (1, version)]
    check_versions(of[:1])

    with pytest.raises(ValueError, match=f"but got {version}"):
        check_versions(of)


@pytest.mark.parametrize(
    "at_us", [import_limits.EARLIEST_US - 1, START_US + import_limits.MAX_AHEAD_US + 1]
)
def test_events_are_of_the_past(at_us: int) -> None:
    events = [StoredEvent(1, "run.started", START_US, b"{}"), StoredEvent(2, "x", at_us, b"{}")]
    check_times(events[:1], START_US)

    with pytest.raises(ValueError, match="expected event 2 to be of the years since 2000"):
        check_times(events, START_US)


def _numbered(*events: tuple[str, int, bytes]) -> list[StoredEvent]:
    return [StoredEvent(seq, *each) for seq, each in enumerate(events, 1)]


ONE_TASK = [
    ("run.started", START_US, b"{}"),
    ("signal.received", START_US, b'{"name":"s"}'),
    ("step.scheduled", START_US, b'{"step":"a","attempt":1}'),
    ("step.completed", START_US + 1, b'{"step":"a"}'),
    ("run.completed", START_US + 1, b"{}"),
]


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (ONE_TASK + ONE_TASK, "run.started once, but event 6 is another"),
        (ONE_TASK + ONE_TASK[1:], r"event 7 \(step.scheduled\) is event 3 again"),
        (ONE_TASK + ONE_TASK[-1:], r"event 6 \(run.completed\) is event 5 again"),
    ],
)
def test_a_log_with_copies_of_its_events_is_refused(
    events: list[tuple[str, int, bytes]], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        check_course(_numbered(*events))


def test_what_can_happen_twice_is_no_copy() -> None:
    name, _, data = ONE_TASK[3]
    check_course(_numbered(*ONE_TASK, ONE_TASK[1], (name, START_US + 2, data)))
