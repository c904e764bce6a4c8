"""A run's events as sentences. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from stretto.cli.printing import seconds, short
from stretto.cli.progress import failure_text
from stretto.client import RunEvent


def sentence(event: RunEvent) -> str:
    """Say in words what an event says; its facts, for a type that has no words here."""
    data = event.data
    if event.type.startswith("run."):
        return _of_run(event.type, data)
    match event.type:
        case "step.activated":
            return "may run; its decision is asked for"
        case "step.expanded":
            return f"goes over {len(data['items'])} items"
        case "step.scheduled":
            queue = f" on queue {data['queue']}" if data.get("queue") else ""
            return f"attempt {data['attempt']} of {data['task']}{queue}{_with(data)}"
        case "step.started":
            return f"attempt {data['attempt']} was accepted{_by(data)}"
        case "step.completed":
            output = f": {short(data['output'])}" if data.get("output") is not None else ""
            return f"completed{_by(data)}{output}"
        case "step.chosen":
            then = ", ".join(data.get("then", ())) or "nothing"
            return f"took branch {data['branch'] + 1}: {then}"
        case "step.waiting":
            return f"waits until {data['until']}"
        case "step.failed":
            return _failed(event)
        case "step.skipped" | "step.cancelled":
            verb = event.type.removeprefix("step.")
            return f"was {verb}: {str(data.get('reason', '')).replace('_', ' ')}"
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
            return f"will end as {data['ending']}: {failure_text(data['failure'])}"
        case "run.finishing":
            return "every step has ended; the output is worked out"
        case "run.completed":
            return f"output {short(data.get('output'))}"
        case "run.failed" | "run.cancelled" | "run.terminated":
            left = ", ".join(data.get("uncompensated", ()))
            return failure_text(data.get("failure")) + (f"; not undone: {left}" if left else "")
        case _:
            return _facts(data)


def _facts(data: dict[str, Any]) -> str:
    return ", ".join(f"{key} {short(data[key])}" for key in data if key != "step")


def _failed(event: RunEvent) -> str:
    text = f"attempt {event.data.get('attempt', 0)} failed: "
    text += failure_text(event.data.get("failure"))
    retry_at = event.data.get("retry_at")
    if retry_at:
        pause = (datetime.fromisoformat(retry_at) - event.at).total_seconds()
        text += f"; the next one in {seconds(max(0.0, pause))}"
    return text


def _with(data: dict[str, Any]) -> str:
    return f" with {short(data['input'])}" if data.get("input") is not None else ""


def _by(data: dict[str, Any]) -> str:
    return f" by {data['worker']}" if data.get("worker") else ""
