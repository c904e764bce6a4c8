"""Why a run failed and what a person can do about it, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_UNDONE = (
    "What was done is undone; `stretto fork RUN` begins another run from any point of this one."
)
_STOPPED = (
    "`stretto retry RUN` tries again what failed, `stretto rewind RUN STEP` goes back to a step, "
    "`stretto fork RUN` begins another run from any point of this one."
)
_OVER = "`stretto fork RUN` begins another run from any point of this one."


def tell_ended(found: dict[str, Any]) -> None:
    """Add to an answer of `workflow.explain` what became of the run, where it does not go well:
    `sentence`, and for one that has ended `remedy`. Nothing for a run that goes on."""
    failure, status = found.get("failure"), str(found.get("status"))
    if status == "completed":
        found["sentence"] = "The run has completed: it waits for nothing."
    if failure is None:
        return
    found["sentence"] = _sentence(failure, status)
    if status == "failed":
        found["remedy"] = _STOPPED if "retry" in found.get("controls", ()) else _UNDONE
    elif status in ("cancelled", "terminated"):
        found["remedy"] = _STOPPED if "retry" in found.get("controls", ()) else _OVER


def _sentence(failure: Mapping[str, Any], status: str) -> str:
    kind, message = str(failure.get("type")), " ".join(str(failure.get("message", "")).split())
    step = failure.get("step")
    if status in ("cancelled", "terminated"):
        return f"The run was {status}{': ' if message else '.'}{message}"
    who = "The run" if step is None else f"Step {step!r}"
    text = f"{who} failed: {kind}{': ' if message else ''}{message}"
    return text if text.endswith((".", "!", "?")) else f"{text}."
