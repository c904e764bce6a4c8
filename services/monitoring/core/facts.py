"""What of an event's data a projection reads; the rest, payloads above all, is not decoded."""

import msgspec

from stretto.contracts.failures import Failure


class StartedFact(msgspec.Struct, frozen=True):
    """Of `run.started`."""

    namespace: str = ""
    workflow: str = ""
    version: int = 0
    id: str | None = None
    labels: dict[str, str] = {}


class EndingFact(msgspec.Struct, frozen=True):
    """Of the other `run.*` events."""

    failure: Failure | None = None


class StepFact(msgspec.Struct, frozen=True, gc=False):
    """Of step events that say little more than which step."""

    step: str = ""
    attempt: int = 0
    worker: str | None = None
    reason: str | None = None
    by: str | None = None


class LabelledFact(msgspec.Struct, frozen=True):
    """Of `step.labelled`."""

    step: str = ""
    labels: dict[str, str] = {}


class ScheduledFact(msgspec.Struct, frozen=True, gc=False):
    """Of `step.scheduled`."""

    step: str = ""
    attempt: int = 0
    task: str | None = None
    queue: str | None = None


class CompletedFact(msgspec.Struct, frozen=True, gc=False):
    """Of `step.completed`."""

    step: str = ""
    attempt: int = 0
    worker: str | None = None
    started_at: str | None = None
    rules: list[int] | None = None


class ChosenFact(msgspec.Struct, frozen=True, gc=False):
    """Of `step.chosen`."""

    step: str = ""
    branch: int = -1


class ExpandedFact(msgspec.Struct, frozen=True):
    """Of `step.expanded`: the items are counted, not decoded."""

    step: str = ""
    items: list[msgspec.Raw] = []


class SignalledFact(msgspec.Struct, frozen=True):
    """Of `step.signalled`."""

    step: str = ""
    asked: bool = False


class FailedFact(msgspec.Struct, frozen=True):
    """Of `step.failed`."""

    step: str = ""
    attempt: int = 0
    worker: str | None = None
    started_at: str | None = None
    failure: Failure | None = None
    retry_at: str | None = None
    blocked: bool = False
    by: str | None = None


decode_started = msgspec.json.Decoder(StartedFact).decode
decode_ending = msgspec.json.Decoder(EndingFact).decode
decode_step = msgspec.json.Decoder(StepFact).decode
decode_labelled = msgspec.json.Decoder(LabelledFact).decode
decode_scheduled = msgspec.json.Decoder(ScheduledFact).decode
decode_chosen = msgspec.json.Decoder(ChosenFact).decode
decode_completed = msgspec.json.Decoder(CompletedFact).decode
decode_expanded = msgspec.json.Decoder(ExpandedFact).decode
decode_signalled = msgspec.json.Decoder(SignalledFact).decode
decode_failed = msgspec.json.Decoder(FailedFact).decode
