"""The rules of docs/protocol.md, one function each: it tries the worker and says what it found."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator

from stretto.conformance.findings import Finding, kept, not_tried, warning, wrong
from stretto.conformance.payload_trials import large, large_input
from stretto.conformance.stage import Stage
from stretto.conformance.words import ANSWER_S, ECHO, FAIL, SLEEP, knows
from stretto.contracts.public import TaskResult
from stretto.runtime.clock import parse_rfc3339
from stretto.runtime.topology import WORK_ACK_WAIT_S

PRESENT_S = 9.5
"""Three times the interval of presence: after it a worker counts as gone."""

SHORT_MS = 700
LONG_MS = 60_000
HEARTBEAT_S = 1.0
BEATS = 3

Trial = Callable[[Stage], Awaitable[list[Finding]]]


async def presence(stage: Stage) -> list[Finding]:
    """It says that it is there, again and again, in the form that is expected."""
    rule = "presence"
    await stage.until(lambda: stage.present() or stage.bad_presences, PRESENT_S)
    said = stage.present()
    if stage.bad_presences and not said:
        return [
            wrong(
                rule,
                f"expected a presence message, but {stage.bad_presences[0]}",
                'Publish {"device", "queue", "tasks", "slots", "busy"} as JSON.',
            )
        ]
    subject = f"stretto.presence.{stage.target.namespace}.<name>"
    if not said:
        text = f"expected a message on {subject} that names {stage.target.text}, but none came"
        remedy = "Say every 3 s that it is there: without it steps that name no queue, `route`, "
        remedy += "`stretto devices` and scaling do not know it."
        return [(wrong if stage.target.device else warning)(rule, text, remedy)]
    name, word, first = said[-1]
    found: list[Finding] = []
    if word.device not in ("", name):
        found.append(
            wrong(
                rule,
                f"expected `device` to be {name!r}, as the subject says, but it is {word.device!r}",
                "Use one name for both.",
            )
        )
    if word.slots < 1:
        found.append(
            wrong(
                rule,
                f"expected at least 1 slot, but it says {word.slots}",
                "`slots`: how many attempts it runs at once.",
            )
        )
    if not word.tasks:
        found.append(warning(rule, "it names no tasks: it is given any", "Name its `tasks`."))
    again = await stage.until(lambda: stage.present()[-1][2] > first, PRESENT_S)
    if not again:
        found.append(
            wrong(
                rule,
                f"expected another message within {PRESENT_S:g} s, but none came: "
                "it would count as gone",
                "Say it every 3 s.",
            )
        )
    return found or [kept(rule, f"{name} says that it is there, with {word.slots} slots")]


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


async def acknowledges_late(stage: Stage) -> list[Finding]:
    """A work message is acknowledged after the results of all of its tasks, not before."""
    rule = "acknowledge late"
    if stage.target.device is not None:
        return [not_tried(rule, "a device has no work messages to acknowledge")]
    tasks = [stage.task(SLEEP, {"ms": ms}) for ms in (SHORT_MS, 10)]
    seq = await stage.send(*tasks)
    for task in tasks:
        if await stage.result(task["id"], ANSWER_S) is None:
            return [
                wrong(
                    rule,
                    "expected a result for each of two tasks of one message, but one is missing",
                    "Do all tasks of a message.",
                )
            ]
    end = await stage.settled(seq, ANSWER_S)
    if end is None:
        words = [ack.word for ack in stage.words(seq)]
        return [
            wrong(
                rule,
                f"expected the message to be acknowledged (+ACK), but it was "
                f"answered with {words or 'nothing'}: it will be delivered again and again",
                "Acknowledge it when the results are stored; never answer -NAK.",
            )
        ]
    last = max(stage.results[task["id"]][0].at for task in tasks)
    if end.at < last:
        return [
            wrong(
                rule,
                f"expected the acknowledgement after the last result, but it came "
                f"{(last - end.at) * 1000:.0f} ms before it: when the worker dies in between "
                "the work is lost",
                "Acknowledge when the results of all tasks of the message are stored.",
            )
        ]
    return [kept(rule, "messages are acknowledged when their results are out")]


async def lives_and_withdraws(stage: Stage) -> list[Finding]:
    """Of a long attempt: signs of life, the message kept, and an end when nobody wants it."""
    task = stage.task(SLEEP, {"ms": LONG_MS}, heartbeat_s=HEARTBEAT_S)
    id_, began = task["id"], stage.now
    seq = await stage.send(task)
    await stage.until(lambda: len(stage.progress.get(id_, ())) >= BEATS, BEATS * HEARTBEAT_S + 1)
    found = [_beats(stage.progress.get(id_, []), began)]
    if seq:
        left_s = began + WORK_ACK_WAIT_S - stage.now
        held = await stage.until(lambda: stage.words(seq), left_s)
        words = [ack.word for ack in stage.words(seq)]
        if held and "+WPI" in words:
            found.append(kept("in progress", "the message of a long attempt is kept (+WPI)"))
        else:
            found.append(
                wrong(
                    "in progress",
                    f"expected +WPI for a message that is worked on "
                    f"within {WORK_ACK_WAIT_S:g} s, but {words or 'nothing'} came: "
                    "another worker gets it, too",
                    "Answer the message with +WPI every 3 s while its tasks run.",
                )
            )
    await stage.withdraw(id_)
    ended = await stage.result(id_, ANSWER_S)
    rule = "withdraw"
    if ended is None:
        found.append(
            warning(
                rule,
                f"expected an attempt that was withdrawn to end within "
                f"{ANSWER_S:g} s, but it goes on, for nothing",
                "Subscribe to stretto.withdraw.<namespace>.<queue or device>; "
                "answer `failed` with the failure type `Cancelled`.",
            )
        )
    elif ended.result.status == "completed":
        found.append(
            wrong(
                rule,
                "expected an attempt that was stopped to be `failed`, but it is `completed`",
                "Answer `failed` with the type `Cancelled`.",
            )
        )
    else:
        found.append(kept(rule, "an attempt that nobody wants ends"))
    return found


def _beats(times: list[float], began: float) -> Finding:
    rule = "heartbeat"
    gaps = [after - before for before, after in zip([began, *times], times, strict=False)]
    remedy = 'Publish {"id"} to stretto.progress.<namespace>.<run_id> three times within '
    remedy += "`heartbeat_s`: an attempt that is silent for longer fails."
    if len(times) < BEATS:
        return wrong(
            rule,
            f"expected a sign of life every {HEARTBEAT_S:g} s, but {len(times)} "
            f"came in {BEATS + 1} s",
            remedy,
        )
    if max(gaps) > HEARTBEAT_S:
        return wrong(
            rule,
            f"expected a sign of life every {HEARTBEAT_S:g} s, but {max(gaps):.1f} "
            "s passed without one",
            remedy,
        )
    return kept(rule, "a long attempt shows that it lives")


async def duplicates(stage: Stage) -> list[Finding]:
    """The same attempt, delivered twice at once, is done once."""
    rule = "duplicates"
    task = stage.task(SLEEP, {"ms": SHORT_MS})
    seqs = [await stage.send(task), await stage.send(task)]
    said = await stage.result(task["id"], ANSWER_S)
    if said is None:
        return [
            wrong(
                rule,
                "expected a result for an attempt that came twice, but none came",
                "The same `id` may come twice: do it once, answer both.",
            )
        ]
    for seq in seqs:
        if seq and await stage.settled(seq, ANSWER_S) is None:
            return [
                wrong(
                    rule,
                    "expected both messages of an attempt that came twice to be "
                    "acknowledged, but one is not",
                    "Acknowledge it all the same: the result is out.",
                )
            ]
    await asyncio.sleep(SHORT_MS / 1000)
    results = stage.results[task["id"]]
    if len({bytes(each.result.output) + each.result.status.encode() for each in results}) > 1:
        return [
            wrong(
                rule,
                "expected the same result for the same attempt, but they differ",
                "`id` is the idempotency key of its effects.",
            )
        ]
    starts = {each.result.started_at for each in results}
    if len(results) > 1 and (None in starts or len(starts) > 1):
        return [
            warning(
                rule,
                f"the attempt was answered {len(results)} times: its work may have "
                "been done as often",
                "Keep the ids of attempts that run, and do not begin one twice.",
            )
        ]
    return [kept(rule, "an attempt that comes twice is done once")]


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


async def garbage(stage: Stage) -> list[Finding]:
    """What is no work is put away, and does not stop it."""
    rule = "garbage"
    seqs = [await stage.send_raw(data) for data in _GARBAGE]
    task = stage.task(ECHO, {"after": "garbage"})
    await stage.send(task)
    if await stage.result(task["id"], ANSWER_S) is None:
        return [
            wrong(
                rule,
                "expected it to go on after a message that is no work, but the attempt "
                "after it was not answered",
                "Refuse what cannot be read (+TERM, or +ACK after telling "
                "stretto.dlq.worker), and go on.",
            )
        ]
    for seq, data in zip(seqs, _GARBAGE, strict=True):
        if seq and await stage.settled(seq, ANSWER_S) is None:
            words = [ack.word for ack in stage.words(seq)] or "nothing"
            return [
                wrong(
                    rule,
                    f"expected {data!r} to be put away (+TERM or +ACK), but it was "
                    f"answered with {words}: it will come again for ever",
                    "End it with +TERM.",
                )
            ]
    return [kept(rule, "what is no work does not stop it")]


_GARBAGE = (b"\xff\x00 this is no JSON", b'{"tasks": 7}', b"[]")


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
