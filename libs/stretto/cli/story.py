"""A run's events as sentences. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from stretto.cli.printing import because, seconds, short
from stretto.cli.progress import failure_text
from stretto.cli.rollout_story import of_rollout
from stretto.client import RunEvent


def sentence(event: RunEvent) -> str:
    """Say in words what an event says; its facts, for a type that has no words here."""
    data = event.data
    if event.type.startswith("run."):
        return _of_turn(event.type, data) or _of_run(event.type, data)
    asked = _asked_for(event) or of_rollout(event.type, data)
    inside = asked or _of_inside(event.type, data) or _of_reuse(event.type, data)
    return inside or _of_step(event, data)


def _asked_for(event: RunEvent) -> str | None:
    """What a person did, with who and why; None: nobody did it."""
    data = event.data
    match event.type:
        case "signal.received":
            payload = f" with {short(data['payload'])}" if data.get("payload") is not None else ""
            return f"signal {data['name']!r} came{payload}{_who(data)}"
        case "step.approved":
            return f"was approved{_who(data)}"
        case "step.escalated":
            return f"may be approved by {', '.join(data.get('to', ()))} now, too"
        case "compensation.retried":
            return f"is tried again{_who(data)}"
        case "step.hastened":
            return f"is tried again at once{_who(data)}"
        case "step.skipped" if data.get("by") or data.get("why"):
            return f"was skipped{_who({'by': data.get('by'), 'reason': data.get('why')})}"
        case "step.failed" if data.get("by"):
            return f"was rejected by {data['by']}: {failure_text(data.get('failure'))}"
        case _:
            return None


def _of_inside(kind: str, data: dict[str, Any]) -> str | None:
    """What happens in groups, loops and waits; None: something else did."""
    match kind:
        case "step.opened":
            return "begins: its steps may run"
        case "step.finishing":
            return "its steps have ended; what it gives is worked out"
        case "step.repeated":
            return f"goes round again{' at ' + data['at'] if data.get('at') else ''}"
        case "step.signalled":
            return "looks at a signal" if data.get("asked") else "takes the signal"
        case "step.limited":
            return _limited(data)
        case "step.labelled":
            return f"is labelled {', '.join(f'{k}={v}' for k, v in data.get('labels', {}).items())}"
        case "step.queued":
            return f"asks for a place for the key {data['key']!r}"
        case "step.admitted":
            return f"has a place for the key {data['key']!r}"
        case "step.waiting":
            return f"waits until {data['until']}" if data.get("until") else "waits"
        case _:
            return None


def _of_reuse(kind: str, data: dict[str, Any]) -> str | None:
    """How a step looks for what an equal one gave; None: it does not."""
    if kind == "step.seeking":
        why = "is done anew" if data.get("anew") else "looks for what an equal step gave"
        return f"{why}, of the key {data['key']!r}"
    if kind == "step.reused":
        whose = f"step {data['from_step']} of run {data['from_run']} at {data['kept_at']}"
        return f"takes what {whose} gave: {short(data.get('output'))}"
    return None


def _limited(data: dict[str, Any]) -> str:
    """What was worked out of a step's policies."""
    said = {**data.get("timeouts", {}), **data.get("retry", {})}
    limits = [f"is limited to {', '.join(f'{k} {v}' for k, v in sorted(said.items()))}"]
    said_of = {"cache_key": "is equal to others of the key", "rate_key": "counts for the rate of"}
    keyed = [f"{text} {data[name]!r}" for name, text in said_of.items() if name in data]
    if data.get("priority") is not None:
        keyed.append(f"has the priority {data['priority']}")
    if data.get("escalate_s") is not None:
        keyed.append(f"is escalated after {data['escalate_s']:g} s")
    if data.get("by"):
        keyed.append(f"is decided by {', '.join(data['by'])}")
    if data.get("escalate_to"):
        keyed.append(f"is escalated to {', '.join(data['escalate_to'])}")
    return ", ".join([*(limits if said or not keyed else []), *keyed])


def _placed(data: dict[str, Any]) -> str:
    if "queue" in data:
        return f"no device fits: attempt {data['attempt']} goes to queue {data['queue']}"
    ranked = data.get("ranked") or {}
    which = f", one of {ranked['fitting']} that fit" if ranked.get("fitting") else ""
    why = f": {data['reason']}" if data.get("reason") else ""
    return f"attempt {data['attempt']} goes to {data['device']}{which}{why}"


def _of_step(event: RunEvent, data: dict[str, Any]) -> str:
    match event.type:
        case "step.activated":
            return "may run; its decision is asked for"
        case "step.expanded":
            return f"goes over {len(data['items'])} items"
        case "step.scheduled":
            queue = f" on queue {data['queue']}" if data.get("queue") else ""
            return f"attempt {data['attempt']} of {data['task']}{queue}{_with(data)}"
        case "step.bound" | "step.diverted":
            return _placed(data)
        case "step.started":
            return f"attempt {data['attempt']} was accepted{_by(data)}"
        case "step.completed":
            output = f": {short(data['output'])}" if data.get("output") is not None else ""
            return f"completed{_by(data)}{output}"
        case "step.chosen":
            if data["branch"] < 0:
                return "took no branch: no case fits"
            then = ", ".join(data.get("then", ())) or "nothing"
            return f"took branch {data['branch'] + 1}: {then}"
        case "step.failed":
            return _failed(event)
        case "step.skipped" | "step.cancelled":
            verb = event.type.removeprefix("step.")
            return f"was {verb}: {because(str(data.get('reason', '')))}"
        case "compensation.started":
            return f"undoes {', '.join(data['steps']) or 'nothing'}"
        case _:
            return _facts(data)


def _of_run(kind: str, data: dict[str, Any]) -> str:
    match kind:
        case "run.started":
            key = f" as {data['id']!r}" if data.get("id") else ""
            return f"{data['workflow']} version {data['version']}{key}{_with(data)}"
        case "run.failing":
            by = f" (asked by {data['by']})" if data.get("by") else ""
            return f"will end as {data['ending']}: {failure_text(data['failure'])}{by}"
        case "run.paused":
            return f"was paused{_who(data)}"
        case "run.resumed":
            return f"goes on{_who(data)}"
        case "run.finishing":
            return "every step has ended; the output is worked out"
        case "run.completed":
            return f"output {short(data.get('output'))}"
        case "run.failed" | "run.cancelled" | "run.terminated":
            left = ", ".join(data.get("uncompensated", ()))
            by = f" (asked by {data['by']})" if data.get("by") else ""
            undone = f"; not undone: {left}" if left else ""
            return failure_text(data.get("failure")) + undone + by
        case _:
            return _facts(data)


def _of_turn(kind: str, data: dict[str, Any]) -> str | None:
    """Where a run goes back to, began from, or by which version; None: it does not."""
    match kind:
        case "run.rewound":
            return f"goes back to {', '.join(data['steps'])}{_who(data)}"
        case "run.rolling_back":
            return f"goes back to the end of {data['to']}{_who(data)}"
        case "run.rolled_back":
            paused = ", and is paused there" if data.get("paused") else ""
            runs = "run" if len(data["steps"]) > 1 else "runs"
            return f"is back; {', '.join(data['steps']) or 'nothing'} {runs} again{paused}"
        case "run.forked":
            return _forked(data)
        case "run.queued":
            return _queued(data)
        case "run.admitted":
            return f"has a place for the key {data['key']!r}"
        case "run.migrated":
            versions = f"{data['from_version']} to {data['to_version']}"
            return f"moved from version {versions}{_who(data)}"
        case _:
            return None


def _queued(data: dict[str, Any]) -> str:
    """Why a run waits for a place, and who has it."""
    if data.get("cancels"):
        return f"waits until {', '.join(data['cancels'])} made room for the key {data['key']!r}"
    ahead = f" behind {', '.join(data['ahead'])}" if data.get("ahead") else ""
    return f"waits for a place for the key {data['key']!r}{ahead}"


def _forked(data: dict[str, Any]) -> str:
    taken = ", ".join(data.get("taken", ())) or "nothing"
    where = f"run {data['from_run']} after its event {data['at_seq']}"
    return f"begins where {where} stood; taken over: {taken}{_who(data)}"


def _facts(data: dict[str, Any]) -> str:
    return ", ".join(f"{key} {short(data[key])}" for key in data if key != "step")


def _failed(event: RunEvent) -> str:
    attempt = event.data.get("attempt", 0)  # 0: it failed before there was an attempt
    text = f"attempt {attempt} failed: " if attempt else "failed: "
    text += failure_text(event.data.get("failure"))
    retry_at = event.data.get("retry_at")
    if retry_at:
        pause = (datetime.fromisoformat(retry_at) - event.at).total_seconds()
        text += f"; the next one in {seconds(max(0.0, pause))}"
    if event.data.get("blocked"):
        text += "; a person has to decide"
    return text


def _with(data: dict[str, Any]) -> str:
    return f" with {short(data['input'])}" if data.get("input") is not None else ""


def _who(data: dict[str, Any]) -> str:
    """By whom something was asked for, and why."""
    by = f" by {data['by']}" if data.get("by") else ""
    return by + (f": {data['reason']}" if data.get("reason") else "")


def _by(data: dict[str, Any]) -> str:
    return f" by {data['worker']}" if data.get("worker") else ""
