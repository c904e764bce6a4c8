"""Rules of the protocol about payloads too large for a message; see `trials`."""

import json

from stretto.conformance.findings import Finding, kept, not_tried, warning, wrong
from stretto.conformance.stage import Stage
from stretto.conformance.words import ANSWER_S, ECHO, LARGE, knows
from stretto.contracts.public import TaskResult
from stretto.runtime.errors import StrettoError

LARGE_BYTES = 400 * 1024
HUGE_BYTES = 3 * 1024 * 1024
"""More than an output may hold in the message itself."""

OUTPUT_LIMIT_BYTES = 1024 * 1024

_READ = (
    'Read the object that {"$payload"} names from `stretto-payloads`, put its JSON in its place.'
)


async def large(stage: Stage) -> list[Finding]:
    """Large outputs arrive whole: in the message, or by reference when it would be too large."""
    rule = "large output"
    if not knows(stage, LARGE):
        return [not_tried(rule, f"it has no handler for {LARGE!r}")]
    for size in (LARGE_BYTES, HUGE_BYTES):
        task = stage.task(LARGE, {"bytes": size})
        await stage.send(task)
        said = await stage.result(task["id"], 2 * ANSWER_S)
        if said is None:
            return [
                wrong(
                    rule,
                    f"expected a result of {size} bytes or a failure, but none came",
                    "The server refuses messages that are too large: store the output in "
                    "the object store and answer its reference, or answer `failed`.",
                )
            ]
        result = said.result
        if result.status == "failed":
            return [
                warning(
                    rule,
                    f"an output of {size} bytes fails: {result.failure}",
                    "Store it in the object store `stretto-payloads` under its "
                    "SHA-256 and answer the reference.",
                )
            ]
        mistake = await _not_whole(stage, result, size)
        if mistake is not None:
            return [
                wrong(
                    rule,
                    mistake,
                    "Over 1 MiB: the reference of the JSON, stored "
                    "under its SHA-256 before the result is sent.",
                )
            ]
    return [kept(rule, "large outputs arrive whole")]


async def _not_whole(stage: Stage, result: TaskResult, size: int) -> str | None:
    output = bytes(result.output)
    if len(output) > OUTPUT_LIMIT_BYTES:
        return f"expected at most 1 MiB in the message, but the output has {len(output)} bytes"
    try:
        value = await stage.carrier.receive(output, result.id.partition(":")[0])
        text = json.loads(value)["text"]
    except (StrettoError, ValueError, TypeError, KeyError) as error:
        return f"expected an output whose `text` can be read, but {type(error).__name__}: {error}"
    return None if len(text) == size else f"expected {size} letters, but {len(text)} came"


async def large_input(stage: Stage) -> list[Finding]:
    """An input by reference is read."""
    rule = "large input"
    value = {"text": "y" * LARGE_BYTES}
    try:
        sent = await stage.carrier.send(json.dumps(value).encode())
    except StrettoError as error:
        return [not_tried(rule, f"the object store does not take it: {error}")]
    task = stage.task(ECHO, json.loads(sent))
    await stage.send(task)
    said = await stage.result(task["id"], 2 * ANSWER_S)
    if said is None or said.result.status != "completed":
        came = "none came" if said is None else f"{said.result.failure}"
        return [
            wrong(
                rule,
                f"expected {ECHO!r} with an input by reference to complete, but {came}",
                'Read the object that {"$payload"} names from `stretto-payloads`.',
            )
        ]
    try:
        output = bytes(said.result.output)
        came = json.loads(await stage.carrier.receive(output, task["run_id"]))
    except (StrettoError, ValueError) as error:
        return [wrong(rule, f"expected an output that can be read, but {error}", _READ)]
    if came != value:
        text = "expected the value that the reference stands for, but another came"
        return [wrong(rule, text, _READ)]
    return [kept(rule, "references in inputs are read, or handed on as they are")]
