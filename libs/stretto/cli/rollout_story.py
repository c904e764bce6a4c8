"""The events of a rollout as sentences. Pure."""

from __future__ import annotations

from typing import Any

from stretto.cli.progress import failure_text


def of_rollout(kind: str, data: dict[str, Any]) -> str | None:
    """Say what happened to a rollout; None: it is no event of one."""
    match kind:
        case "rollout.throttled":
            return f"as many as may have begun; the next ones begin at {data['until']}"
        case "rollout.paused":
            return (
                f"wave {data['wave']} of {data['waves']} was a success ({data['completed']} of "
                f"{data['size']}); the next one begins {_when(data)}"
            )
        case "rollout.advanced":
            return (
                f"wave {data['wave']} of {data['waves']} begins, up to {data['upto']}{_why(data)}"
            )
        case "rollout.aborted":
            by = f" (asked by {data['by']})" if data.get("by") else ""
            return f"is stopped in wave {data['wave']}{by}: {failure_text(data['failure'])}"
        case _:
            return None


def _when(data: dict[str, Any]) -> str:
    if data.get("signal"):
        return f"with the signal {data['signal']!r}"
    return f"at {data['until']}" if data.get("until") else "when a person approves"


def _why(data: dict[str, Any]) -> str:
    if data.get("signal"):
        return f", by the signal {data['signal']!r}"
    reason = f": {data['reason']}" if data.get("reason") else ""
    return f", approved by {data['by']}{reason}" if data.get("by") else reason
