"""What of an event's data a projection reads; the rest, payloads above all, is not decoded."""

import msgspec

from stretto.contracts.failures import Failure


class RunFact(msgspec.Struct, frozen=True):
    """Of `run.*` events."""

    namespace: str = ""
    workflow: str = ""
    version: int = 0
    id: str | None = None
    labels: dict[str, str] = {}
    failure: Failure | None = None


class StepFact(msgspec.Struct, frozen=True):
    """Of `step.*` events."""

    step: str = ""
    attempt: int = 0
    task: str | None = None
    queue: str | None = None
    worker: str | None = None
    reason: str | None = None
    failure: Failure | None = None
    retry_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None


decode_run_fact = msgspec.json.Decoder(RunFact).decode
decode_step_fact = msgspec.json.Decoder(StepFact).decode
