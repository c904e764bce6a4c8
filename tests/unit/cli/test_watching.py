"""A run as it is drawn and as it is told line by line."""

import asyncio
import io
from typing import Any, cast

import pytest
from rich.console import Console

from stretto.cli import watching
from stretto.cli.progress import Progress
from stretto.cli.watching import Lines, drawn
from stretto.client import Rejected
from stretto.contracts.answers import AttemptProgress, RunProgress
from stretto.runtime.errors import NotReachable

from .runs import BROKEN, RUN_ID, STARTED, Told, at, completed, events, failed, scheduled


def lines(*told: Told) -> list[str]:
    console = Console(file=io.StringIO(), width=200)
    progress, view = Progress(RUN_ID), Lines(console)
    for event in events(*told):
        view.changed(progress, event, progress.take(event))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return [line.rstrip() for line in text.splitlines()]


def picture(*told: Told, seconds: float = 10, estimate: RunProgress | None = None) -> str:
    progress = Progress(RUN_ID, estimate=estimate, estimated_at=at(0))
    for event in events(*told):
        progress.take(event)
    console = Console(file=io.StringIO(), width=120)
    console.print(drawn(progress, at(seconds)))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_a_line_for_everything_that_ends() -> None:
    assert lines(
        STARTED,
        scheduled("a"),
        failed("a", retry_at="x"),
        scheduled("a", 2),
        completed("a"),
        ("step.skipped", "b", {"reason": "condition"}),
        ("run.completed", None, {"output": 1}),
    ) == [
        f"w v2 started, run {RUN_ID}",
        "↻ a  1.00 s  Broken: no luck",
        "✓ a  3.00 s",
        "– b  0.0 ms  condition",
        "w completed in 6.00 s",
    ]


def test_a_for_each_tells_a_few_times_how_far_it_is() -> None:
    items = [completed(f"scan[{n}]") for n in range(8)]
    told = lines(STARTED, ("step.expanded", "scan", {"items": [0] * 8}), *items, completed("scan"))
    assert [line.split("  ")[0] for line in told[1:]] == [
        *("• scan 2/8", "• scan 4/8", "• scan 6/8", "• scan 8/8", "✓ scan 8/8"),
    ]


def test_the_picture_has_a_row_for_each_step_and_a_bar_for_each_for_each() -> None:
    text = picture(
        STARTED,
        scheduled("list"),
        completed("list"),
        ("step.expanded", "scan", {"items": [1, 2, 3, 4]}),
        completed("scan[0]"),
        failed("scan[1]"),
    )
    assert "w running 10.00 s" in text
    assert "✓  list     1.00 s" in text
    assert "2/4 1 failed" in text


def test_a_picture_of_many_steps_shows_the_latest(monkeypatch: object) -> None:
    assert watching._MAX_ROWS == 40
    text = picture(STARTED, *(scheduled(f"s{n}") for n in range(50)))
    assert "… 10 steps before" in text
    assert "s9 " not in text
    assert "s49 " in text


def test_the_picture_of_a_run_that_failed_says_why() -> None:
    text = picture(STARTED, ("run.failed", None, {"failure": BROKEN}))
    assert "w failed 1.00 s" in text
    assert "Broken: no luck" in text


def test_long_notes_are_cut() -> None:
    long = {"type": "Broken", "message": "x" * 200}
    told = lines(STARTED, ("step.failed", "a", {"failure": long}))
    assert told[1].endswith("x…")


def far(*attempts: AttemptProgress, left_ms: float | None = 12_000.0) -> RunProgress:
    return RunProgress(
        run_id=RUN_ID, workflow="w", status="running", progress=0.4, at="", left_ms=left_ms,
        attempts=list(attempts),
    )  # fmt: skip


def said_by(step: str, progress: float | None, message: str | None) -> AttemptProgress:
    return AttemptProgress(
        step=step, attempt=1, heard_at="", progress=progress, message=message, worker="w"
    )


def test_the_picture_of_an_open_run_says_how_far_it_is() -> None:
    told = [said_by("a", 0.25, "copying"), said_by("b", None, "waits"), said_by("c", 0.5, None)]
    steps = [scheduled(name) for name in "abcd"]
    text = picture(STARTED, *steps, completed("b"), estimate=far(*told))
    assert " 40%  about 2 s left" in text
    assert "25% copying" in text
    assert "waits" not in text  # it has ended
    assert "50%" in text and "t.do" in text
    assert "left" not in picture(STARTED, estimate=far(left_ms=None))
    over = picture(STARTED, ("run.completed", None, {}), estimate=far())
    assert "40%" not in over


class Estimated:
    """A run that is asked how far it is; each answer is waited for."""

    def __init__(self, *answers: RunProgress | Exception) -> None:
        self._answers = list(answers)
        self.asked = asyncio.Semaphore(0)

    async def progress(self) -> RunProgress:
        self.asked.release()
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize(
    "away", [NotReachable("client.no_answer", "expected"), Rejected("run_unknown", "expected")]
)
async def test_while_nobody_knows_how_far_it_is_nothing_is_shown(
    monkeypatch: pytest.MonkeyPatch, away: Exception
) -> None:
    monkeypatch.setattr(watching, "_ESTIMATE_EVERY_S", 0.0)
    progress, known = Progress(RUN_ID), Estimated(far())
    asking = asyncio.create_task(watching._estimate(cast(Any, known), progress))
    for _ in range(2):
        await asyncio.wait_for(known.asked.acquire(), 10)
    asking.cancel()
    assert progress.estimate == far() and progress.estimated_at is not None

    gone = Estimated(away)
    asking = asyncio.create_task(watching._estimate(cast(Any, gone), progress))
    for _ in range(2):
        await asyncio.wait_for(gone.asked.acquire(), 10)
    asking.cancel()
    assert progress.estimate is None
