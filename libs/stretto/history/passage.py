"""How a run went, step by step, as its events tell: the way, inputs, outputs, tries, durations."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from stretto.history.outputs import Outputs


class Fact(NamedTuple):
    """An event: its number, type, instant (µs since the epoch) and data (as JSON data)."""

    seq: int
    type: str
    at_us: int
    data: Mapping[str, Any]


@dataclass(kw_only=True)
class StepPassage:
    """What became of a step. `seq` and `at_us` are of its first event."""

    step: str
    seq: int
    at_us: int
    status: str = "pending"
    attempts: int = 0
    task: str | None = None
    input: Any = None
    output: Any = None
    failure: str | None = None
    reason: str | None = None
    branch: int | None = None
    then: list[str] = field(default_factory=list)
    items: int | None = None
    ended_us: int | None = None
    last_us: int = 0
    last_seq: int = 0
    """Of its last event."""
    taken: bool = False
    """Whether a fork took it over: it was done by the run that it was forked from."""

    @property
    def took_s(self) -> float | None:
        """Seconds from its first event to its end; None while it is open."""
        return None if self.ended_us is None else (self.ended_us - self.at_us) / 1e6


@dataclass(kw_only=True)
class Passage:
    """How a run went. `steps` are in the order in which they began."""

    run_id: str = ""
    workflow: str = ""
    version: int = 0
    status: str = "running"
    input: Any = None
    output: Any = None
    failure: str | None = None
    message: str = ""
    started_us: int = 0
    ended_us: int | None = None
    last_us: int = 0
    last_seq: int = 0
    steps: dict[str, StepPassage] = field(default_factory=dict)

    @property
    def took_s(self) -> float | None:
        return None if self.ended_us is None else (self.ended_us - self.started_us) / 1e6


def passage_of(facts: Iterable[Fact], run_id: str = "") -> Passage:
    """Read a history. Types of events that are not known here are passed over."""
    passage = Passage(run_id=run_id)
    outputs: Outputs[Any] = Outputs(None)
    for fact in facts:
        passage.last_us, passage.last_seq = fact.at_us, fact.seq
        if fact.type.startswith("run."):
            _of_run(passage, fact)
            if fact.type == "run.terminated":
                _cut_off(passage, fact)
        path = fact.data.get("step")
        if isinstance(path, str) and fact.type.startswith("step."):
            found = passage.steps.get(path)
            if found is None:
                found = StepPassage(step=path, seq=fact.seq, at_us=fact.at_us)
                passage.steps[path] = found
            found.last_us, found.last_seq = fact.at_us, fact.seq
            _of_step(found, fact)
            _gives(outputs, found, fact)
    return passage


def _of_run(passage: Passage, fact: Fact) -> None:
    data = fact.data
    match fact.type:
        case "run.started":
            passage.workflow = data["workflow"]
            passage.version = data["version"]
            passage.input = data.get("input")
            passage.started_us = fact.at_us
        case "run.failing":
            passage.status = "failing"
        case "run.completed":
            passage.status, passage.output = "completed", data.get("output")
            passage.ended_us = fact.at_us
        case "run.failed" | "run.cancelled" | "run.terminated":
            passage.status = fact.type.removeprefix("run.")
            passage.failure = data["failure"]["type"]
            passage.message = data["failure"].get("message", "")
            passage.ended_us = fact.at_us
        case "run.paused":
            passage.status = "paused"
        case "run.resumed":
            passage.status = "running"
        case "run.forked":
            for name, taken in data.get("taken", {}).items():
                passage.steps[name] = _taken(name, taken, fact)
        case "run.migrated":
            passage.version = data["to_version"]
        case "run.rolled_back":
            passage.status = "paused" if data.get("paused") else "running"
        case "run.rewound" | "run.rolling_back":
            passage.status, passage.failure, passage.ended_us = "running", None, None
        case _:
            return


def _cut_off(passage: Passage, fact: Fact) -> None:
    """What was open at the end (a wait, what holds steps) is told by no event of its own."""
    for step in passage.steps.values():
        if step.status not in ENDED:
            step.status, step.reason, step.ended_us = "cancelled", "terminated", fact.at_us


def _taken(name: str, taken: Mapping[str, Any], fact: Fact) -> StepPassage:
    return StepPassage(
        step=name,
        seq=fact.seq,
        at_us=fact.at_us,
        status=taken["status"],
        output=taken.get("output"),
        ended_us=fact.at_us,
        last_us=fact.at_us,
        last_seq=fact.seq,
        taken=True,
    )


def _of_step(step: StepPassage, fact: Fact) -> None:
    data = fact.data
    kind = fact.type.removeprefix("step.")
    match kind:
        case "scheduled":
            step.status, step.attempts, step.task = "scheduled", data["attempt"], data.get("task")
            given = data.get("input")
            step.input = step.input if given is None else given
        case "chosen":
            step.branch, step.then = data["branch"], list(data.get("then", ()))
        case "failed":
            step.failure = data["failure"]["type"]
        case "skipped" | "cancelled":
            step.reason = data.get("reason")
        case "expanded":
            step.items = len(data["items"])
        case _:
            pass
    status = _STATUS.get(kind)
    if status is None:
        return
    step.status = status(data)
    if step.reason is not None and kind not in ("skipped", "cancelled"):
        step.reason = None  # a person went back to it: it is done after all
    step.ended_us = fact.at_us if step.status in ENDED else None


def _gives(outputs: Outputs[Any], step: StepPassage, fact: Fact) -> None:
    data, path = fact.data, step.step
    match fact.type.removeprefix("step."):
        case "opened":
            outputs.opened(path)
        case "expanded":
            outputs.expanded(path, len(data["items"]))
        case "failed" if data.get("handler", -1) >= 0:
            outputs.handled(path)
        case "completed" | "reused":
            outputs.completed(path, data.get("output"), derived=bool(data.get("derived")))
        case "approved":
            said = {"approved": True, "by": data.get("by"), "reason": data.get("reason")}
            outputs.completed(path, said)
        case _:
            return
    step.output = outputs.of.get(path, step.output)


def _failed(data: Mapping[str, Any]) -> str:
    if data.get("retry_at") is not None:
        return "backoff"
    return "handled" if data.get("handler", -1) >= 0 else "failed"


def _just(status: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda _data: status


ENDED = frozenset({"completed", "failed", "skipped", "cancelled"})

_STATUS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "activated": _just("deciding"),
    "scheduled": _just("scheduled"),
    "started": _just("started"),
    "completed": _just("completed"),
    "reused": _just("completed"),
    "seeking": _just("seeking"),
    "chosen": _just("completed"),
    "approved": _just("completed"),
    "signalled": lambda data: "deciding" if data.get("asked") else "completed",
    "failed": _failed,
    "skipped": _just("skipped"),
    "cancelled": _just("cancelled"),
    "waiting": _just("waiting"),
    "opened": _just("open"),
    "expanded": _just("open"),
    "finishing": _just("deciding"),
    "repeated": _just("open"),
}
