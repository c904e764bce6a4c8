"""The rules of docs/protocol.md, one function each: it tries the worker and says what it found.

Here: what a task comes to. `life_trials`: signs of life; `delivery_trials`: messages that come
twice, or are no work; `payload_trials`: large payloads.
"""

import json
from collections.abc import Awaitable, Callable, Iterator

from stretto.conformance.delivery_trials import acknowledges_late, duplicates, garbage
from stretto.conformance.findings import Finding, kept, not_tried, warning, wrong
from stretto.conformance.life_trials import lives_and_withdraws
from stretto.conformance.payload_trials import large, large_input
from stretto.conformance.stage import Stage
from stretto.conformance.words import ANSWER_S, ECHO, FAIL, SHORT_MS, SLEEP, knows
from stretto.contracts.public import TaskResult
from stretto.runtime.clock import parse_rfc3339

LATE_S = 2.0
"""So long after its result an attempt may still be said to be accepted, wrongly."""

Trial = Callable[[Stage], Awaitable[list[Finding]]]


async def completes(stage: Stage) -> list[Finding]:
    """It does a task and answers with the output, whatever other fields there are."""
    rule = "completes"
    value = {"text": "ö €", "list": [1, 2.5, None, True], "nested": {"a": {}}}
    task = stage.task(ECHO, value, a_later_field={"x": 1})
    seq = await stage.send(task)
    said = await stage.result(task["id"], ANSWER_S)
    if said is None:
        taken = stage.words(seq) if seq else []
        came = stage.bad_replies[-1:] or [f"it answered {taken[0].word}" if taken else "nothing"]
        return [
            wrong(
                rule,
                f"expected a result on the task's `reply` within {ANSWER_S:g} s, but "
                f"came {came[0]}",
                f"Have a handler for {ECHO!r} that completes with its "
                'input; publish {"results": [{"id", "status", "output", '
                '"worker"}]} to `reply`.',
            )
        ]
    result = said.result
    found: list[Finding] = []
    if result.status != "completed" or json.loads(bytes(result.output)) != value:
        found.append(
            wrong(
                rule,
                f"expected {ECHO!r} to complete with its input, but it is "
                f"{result.status} with {bytes(result.output)[:80]!r} "
                f"{result.failure or ''}",
                "Ignore fields that are not known; send JSON in UTF-8.",
            )
        )
    if not result.worker:
        found.append(
            warning(
                rule,
                "the result does not say which `worker` it is from",
                "Name it: people look for it.",
            )
        )
    if not _instants(result):
        found.append(
            warning(
                rule,
                "the result does not say when its handler began and ended",
                "Send `started_at` and `finished_at` (RFC 3339): `stretto profile` needs them.",
            )
        )
    return found or [kept(rule, "a task is done and answered")]


def _instants(result: TaskResult) -> bool:
    if result.started_at is None or result.finished_at is None:
        return False
    try:
        return parse_rfc3339(result.started_at) <= parse_rfc3339(result.finished_at)
    except ValueError:
        return False


async def accepts(stage: Stage) -> list[Finding]:
    """It says that it begins, where it is asked to."""
    rule = "accept"
    task = stage.task(SLEEP, {"ms": SHORT_MS}, accept=True)
    await stage.send(task)
    said = await stage.result(task["id"], ANSWER_S)
    # One that comes too late is another mistake than none.
    await stage.until(lambda: task["id"] in stage.accepted, LATE_S)
    times = stage.accepted.get(task["id"], [])
    if not times:
        return [
            wrong(
                rule,
                'expected {"accepted": id} on `reply`, as `accept` was true, but none came',
                "Publish it when it begins: the time of the attempt counts from "
                "then, and to a device the attempt is sent until it is accepted.",
            )
        ]
    if said is not None and times[0] > said.at:
        return [
            wrong(
                rule,
                "expected it to be accepted before its result, but it was after it",
                "Publish it at once, before the handler runs.",
            )
        ]
    if len(times) > 1:
        return [warning(rule, f"it was accepted {len(times)} times", "Once is enough.")]
    return [kept(rule, "it says that it begins")]


async def unknown_task(stage: Stage) -> list[Finding]:
    """A task that it has no handler for is answered, not ignored."""
    rule = "unknown task"
    task = stage.task("check.nobody-knows-this")
    await stage.send(task)
    said = await stage.result(task["id"], ANSWER_S)
    if said is None or said.result.status != "failed" or said.result.failure is None:
        came = "none came" if said is None else f"it is {said.result.status}"
        return [
            wrong(
                rule,
                f"expected a result `failed` with a `failure` for a task that it does "
                f"not know, but {came}: the step would wait for ever",
                'Answer {"status": "failed", "failure": {"type": "UnknownTask", '
                '"message", "retryable": true}}.',
            )
        ]
    return [kept(rule, "a task that it does not know is refused")]


async def failure(stage: Stage) -> list[Finding]:
    """What fails is answered, with why."""
    rule = "failure"
    if not knows(stage, FAIL):
        return [not_tried(rule, f"it has no handler for {FAIL!r}")]
    task = stage.task(FAIL)
    await stage.send(task)
    said = await stage.result(task["id"], ANSWER_S)
    if said is None:
        return [
            wrong(
                rule,
                "expected a result `failed` for a handler that fails, but none came",
                "Catch whatever a handler raises and answer it; the engine retries.",
            )
        ]
    why = said.result.failure
    if said.result.status != "failed" or why is None or not why.type or not why.message:
        return [
            wrong(
                rule,
                f"expected `failed` with a type and a message, but it is "
                f"{said.result.status} with {why}",
                'Answer {"status": "failed", "failure": {"type", "message"}}.',
            )
        ]
    return [kept(rule, f"what fails is told: {why.type}")]


def trials() -> Iterator[tuple[str, Trial]]:
    """All trials after the first two, in order."""
    for trial in (
        accepts,
        acknowledges_late,
        duplicates,
        unknown_task,
        failure,
        garbage,
        large,
        large_input,
        lives_and_withdraws,
    ):
        yield trial.__name__, trial
