"""Which messages are public: those of `contracts.public`, of the reads, and the log's events."""

import re

import msgspec

from stretto.contracts import public, reuse, schedules
from stretto.contracts.events import EVENT_TYPES
from stretto.contracts.scaling import Scaling
from stretto.proto.operations import OPERATIONS

_UPPER = re.compile(r"(?<!^)(?=[A-Z])")

PUBLIC: tuple[type[msgspec.Struct], ...] = (
    public.StartRequest,
    public.Started,
    public.ControlRequest,
    public.Controlled,
    public.Defined,
    public.LabelRequest,
    public.Labelled,
    schedules.ScheduleRequest,
    schedules.Scheduled,
    reuse.PurgeRequest,
    reuse.Purged,
    public.Refused,
    public.Rejected,
    public.Work,
    public.Results,
    public.Presence,
    public.Progress,
    public.EventsMessage,
    public.Closed,
    public.DeadLetter,
    public.Alert,
    Scaling,
)


def messages() -> dict[str, type[msgspec.Struct]]:
    """Return the type of every message that travels on the bus, by the name of its file."""
    read = (kind for operation in OPERATIONS for kind in (operation.request, operation.answer))
    return {file_name(cls): cls for cls in (*PUBLIC, *read)}


def events() -> dict[str, type[msgspec.Struct]]:
    """Return the type of the `data` of every event of the log, by its tag."""
    return {event.type: event for event in EVENT_TYPES}


def file_name(cls: type) -> str:
    """Return how a message is called in files: `StartRequest` is `start-request`."""
    return _UPPER.sub("-", cls.__name__).lower()
