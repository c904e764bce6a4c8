"""A recorded history taken apart: what the outside answered, and what people did, with instants.

What the engine itself worked out (conditions, choices, retries, timers) is left out: a replay works
it out again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from services.workflow.core.commands import Found, Standing
from services.workflow.core.instants import micros
from stretto.contracts import events as ev
from stretto.contracts.codec import UnknownEvent, decode_event, json_encode
from stretto.contracts.failures import Failure, FailureType
from stretto.history import Fact

_BY_TIMER = frozenset({FailureType.QUEUE_TIMEOUT, FailureType.RUN_TIMEOUT})
"""Failures that the engine's own timers give: a definition with other timeouts gives others."""


class NotPlayable(Exception):
    """The history holds what cannot be played again; the sentence says what."""


@dataclass(kw_only=True)
class Answered:
    """An attempt that went out, and what came back, if anything did."""

    task: str
    scheduled_us: int
    accepted_us: int | None = None
    accepted_seq: int = 0
    worker: str | None = None
    result_us: int | None = None
    result_seq: int = 0
    output: bytes = b"null"
    failure: Failure | None = None


@dataclass(kw_only=True)
class Asked:
    """A question to the decision service, and when it was answered or not wanted any more: the
    event that followed."""

    asked_us: int
    answered_us: int
    seq: int = 0


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a person did (a command with its fields), when."""

    at_us: int
    seq: int
    command: str
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class Recorded:
    """All that came from outside."""

    start: ev.RunStarted
    start_us: int
    last_us: int
    closed: bool = False
    answers: dict[tuple[str, int], Answered] = field(default_factory=dict)
    questions: dict[str, list[Asked]] = field(default_factory=dict)
    """By path (empty: the output of the run), in order."""
    done: list[Done] = field(default_factory=list)
    standing: Standing | None = None
    fork: ev.RunForked | None = None
    """What it began with, where it was forked from another run."""
    migrations: list[tuple[int, ev.RunMigrated]] = field(default_factory=list)
    """Where it went over to another version, by the number of the event."""
    granted: list[tuple[int, int, str]] = field(default_factory=list)
    """Instant and number of the events with which it got a place in its line."""
    superseded: list[tuple[int, int, str]] = field(default_factory=list)
    """The same of those with which a step gave its place to a newer one."""
    reused: dict[str, tuple[int, int, Found]] = field(default_factory=dict)
    """By path: what an equal step had given, with instant and number of the event."""


def recorded_of(facts: Iterable[Fact]) -> Recorded:
    """Take a history apart.

    Raises:
        NotPlayable: it is none, or holds what a replay cannot do.
    """
    recorded: Recorded | None = None
    for fact in facts:
        try:
            event = decode_event(fact.type, json_encode(fact.data))
        except (UnknownEvent, msgspec.MsgspecError) as error:
            raise NotPlayable(f"event {fact.seq}: {error}") from error
        if recorded is None:
            if not isinstance(event, ev.RunStarted):
                raise NotPlayable(f"expected run.started first, but it is {fact.type}")
            recorded = Recorded(start=event, start_us=fact.at_us, last_us=fact.at_us)
            continue
        recorded.last_us = max(recorded.last_us, fact.at_us)
        _take_question(recorded, event, fact)
        try:
            _take(recorded, event, fact)
        except KeyError as error:
            text = (
                f"event {fact.seq}: expected attempt {error} to have been scheduled, but it was not"
            )
            raise NotPlayable(text) from error
    if recorded is None:
        raise NotPlayable("expected a history, but there are no events")
    return recorded


def _take(recorded: Recorded, event: ev.Event, fact: Fact) -> None:
    match event:
        case ev.RunForked():
            recorded.fork = event
        case ev.RunMigrated():
            recorded.migrations.append((fact.seq, event))
        case ev.RunQueued():
            recorded.standing = recorded.standing or Standing(
                line=event.line, key=event.key, limit=event.limit, admitted=False
            )
        case ev.RunAdmitted():
            if recorded.standing is None:
                recorded.standing = Standing(
                    line=event.line, key=event.key, limit=event.limit, admitted=True
                )
            else:
                recorded.granted.append((fact.at_us, fact.seq, ""))
        case ev.StepAdmitted():
            recorded.granted.append((fact.at_us, fact.seq, event.step))
        case ev.StepFailed(failure=failure) if failure.type == FailureType.SUPERSEDED:
            recorded.superseded.append((fact.at_us, fact.seq, event.step))
        case ev.RunCompleted() | ev.RunFailed() | ev.RunCancelled():
            recorded.closed = True
        case _:
            _take_answer(recorded, event, fact)
            _take_command(recorded, event, fact)


def _take_question(recorded: Recorded, event: ev.Event, fact: Fact) -> None:
    """What was asked, and when the answer made something happen."""
    path = getattr(event, "step", "" if fact.type.startswith("run.") else None)
    if path is None:
        return
    questions = recorded.questions.setdefault(path, [])
    if questions and not questions[-1].seq:
        questions[-1].answered_us, questions[-1].seq = fact.at_us, fact.seq
    match event:
        case ev.StepActivated() | ev.StepFinishing() | ev.RunFinishing():
            questions.append(Asked(asked_us=fact.at_us, answered_us=fact.at_us))
        case ev.StepSignalled(asked=True):
            questions.append(Asked(asked_us=fact.at_us, answered_us=fact.at_us))
        case _:
            return


def _take_answer(recorded: Recorded, event: ev.Event, fact: Fact) -> None:
    """What workers, execution and child runs answered."""
    match event:
        case ev.StepScheduled():
            answer = Answered(task=event.task, scheduled_us=fact.at_us)
            recorded.answers[event.step, event.attempt] = answer
        case ev.StepStarted():
            started = recorded.answers[event.step, event.attempt]
            started.accepted_us, started.accepted_seq = fact.at_us, fact.seq
            started.worker = event.worker
        case ev.StepCompleted() if event.attempt:
            answer = recorded.answers[event.step, event.attempt]
            answer.result_us, answer.result_seq = fact.at_us, fact.seq
            answer.output = bytes(event.output)
            answer.worker = event.worker or answer.worker
        case ev.StepReused():
            found = Found(
                output=bytes(event.output),
                run=event.from_run,
                step=event.from_step,
                at_us=micros(event.kept_at),
            )
            recorded.reused[event.step] = (fact.at_us, fact.seq, found)
        case ev.StepFailed() if event.attempt and (
            event.failure.type not in _BY_TIMER or event.worker is not None
        ):
            answer = recorded.answers[event.step, event.attempt]
            answer.result_us, answer.result_seq = fact.at_us, fact.seq
            answer.failure = event.failure
            answer.worker = event.worker or answer.worker
        case _:
            return


def _take_command(recorded: Recorded, event: ev.Event, fact: Fact) -> None:
    found = _command_of(event)
    if found is None:
        return
    command, fields = found
    recorded.closed = command == "terminate"
    given = {name: value for name, value in fields.items() if value is not None}
    recorded.done.append(Done(at_us=fact.at_us, seq=fact.seq, command=command, fields=given))


def _command_of(event: ev.Event) -> tuple[str, dict[str, Any]] | None:
    """The command of a person that an event came of, or None."""
    match event:
        case ev.SignalReceived(name=name, payload=payload, by=by):
            return "signal", {"name": name, "payload": payload, "by": by}
        case ev.StepApproved(step=step, by=by, reason=reason):
            return "approve", {"step": step, "by": by, "reason": reason}
        case ev.StepFailed(step=step, failure=failure, attempt=0, by=by):
            if failure.type != FailureType.REJECTED:
                return None
            return "reject", {"step": step, "by": by, "reason": failure.message}
        case ev.StepSkipped(step=step, reason="by_request", by=by, why=why):
            return "skip", {"step": step, "by": by, "reason": why}
        case ev.StepHastened(step=step, by=by, reason=reason):
            return "retry", {"step": step, "by": by, "reason": reason}
        case ev.CompensationRetried(step=step, by=by, reason=reason):
            return "retry", {"step": step, "by": by, "reason": reason}
        case _:
            return _command_to_run(event)


def _command_to_run(event: ev.Event) -> tuple[str, dict[str, Any]] | None:
    match event:
        case ev.RunPaused(by=by, reason=reason):
            return "pause", {"by": by, "reason": reason}
        case ev.RunResumed(by=by, reason=reason):
            return "resume", {"by": by, "reason": reason}
        case ev.RunFailing(ending="cancelled", failure=failure, by=by):
            return "cancel", {"by": by, "reason": failure.message}
        case ev.RunTerminated(failure=failure, by=by):
            return "terminate", {"by": by, "reason": failure.message}
        case ev.RunRewound(steps=[step], by=by, reason=reason):
            return "rewind", {"step": step, "by": by, "reason": reason}
        case ev.RunRewound(by=by, reason=reason):
            return "retry", {"by": by, "reason": reason}
        case ev.RunRollingBack(to=to, pause=pause, by=by, reason=reason):
            return "rollback", {"to": to, "pause": pause, "by": by, "reason": reason}
        case _:
            return None
