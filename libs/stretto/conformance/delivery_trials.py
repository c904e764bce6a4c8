"""Messages: acknowledged after their results, delivered twice, or no work at all."""

import asyncio

from stretto.conformance.findings import Finding, kept, not_tried, warning, wrong
from stretto.conformance.stage import Stage
from stretto.conformance.words import ANSWER_S, ECHO, SHORT_MS, SLEEP

_GARBAGE = (b"\xff\x00 this is no JSON", b'{"tasks": 7}', b"[]")


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
