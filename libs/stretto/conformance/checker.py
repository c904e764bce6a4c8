"""All trials of one worker, in order."""

from collections.abc import Callable

from stretto.bus.connection import Connection
from stretto.conformance.findings import Finding, Report, Verdict
from stretto.conformance.life_trials import presence
from stretto.conformance.stage import Stage, Target, on_stage
from stretto.conformance.trials import completes, trials
from stretto.conformance.words import SLEEP, knows

_NEED_SLEEP = frozenset({"accepts", "acknowledges_late", "duplicates", "lives_and_withdraws"})

Heard = Callable[[Finding], None]


async def check_worker(
    connection: Connection, target: Target, heard: Heard = lambda _: None
) -> Report:
    """Try a worker that is there or about to come, against every rule of the protocol.

    Takes half a minute at most for one that keeps them. A worker that does not do the simplest
    task is not tried further.

    Args:
        heard: is told each finding as it comes.

    Raises:
        StrettoError: the bus is not reachable.
    """
    findings: list[Finding] = []

    def note(found: list[Finding]) -> None:
        findings.extend(found)
        for finding in found:
            heard(finding)

    async with on_stage(connection, target) as stage:
        note(await presence(stage))
        simplest = await completes(stage)
        note(simplest)
        if all(finding.verdict is not Verdict.WRONG for finding in simplest):
            for name, trial in trials():
                if name in _NEED_SLEEP and not knows(stage, SLEEP):
                    text = f"it has no handler for {SLEEP!r}"
                    rule = name.replace("_", " ")
                    note([Finding(rule=rule, verdict=Verdict.NOT_TRIED, sentence=text)])
                else:
                    note(await trial(stage))
            note(_replies(stage))
        present = stage.present()
    worker = present[-1][0] if present else ""
    return Report(worker=worker, place=target.text, findings=findings)


def _replies(stage: Stage) -> list[Finding]:
    """What was published on `reply` and could not be read."""
    if not stage.bad_replies:
        return []
    return [
        Finding(
            rule="replies",
            verdict=Verdict.WRONG,
            sentence=f"expected results, but {stage.bad_replies[0]}",
            remedy='Publish {"results": […]} or {"accepted": id} as JSON.',
        )
    ]
