"""Signs of life: the worker is there, a long attempt lives, and ends when nobody wants it."""

from stretto.conformance.findings import Finding, kept, warning, wrong
from stretto.conformance.stage import Stage
from stretto.conformance.words import ANSWER_S, SLEEP
from stretto.runtime.topology import WORK_ACK_WAIT_S

PRESENT_S = 9.5
"""Three times the interval of presence: after it a worker counts as gone."""

LONG_MS = 60_000
HEARTBEAT_S = 1.0
BEATS = 3


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
