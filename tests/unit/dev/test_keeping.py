"""A process that ends is started again: soon, then later, and soon again after it behaved."""

import asyncio

import pytest

from stretto.dev import keeping
from stretto.dev.keeping import Backoff, keep
from stretto.dev.process import NotStarted


def test_pauses_double_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(keeping.time, "monotonic", lambda: now[0])
    backoff = Backoff()
    pauses = []
    for _ in range(9):
        backoff.came_up()
        now[0] += 1.0
        pauses.append(backoff.next_pause())
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


def test_a_process_that_was_up_for_long_is_forgiven(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(keeping.time, "monotonic", lambda: now[0])
    backoff = Backoff()
    for _ in range(5):
        backoff.next_pause()
    backoff.came_up()
    now[0] += keeping.FORGIVEN_AFTER_S
    assert backoff.next_pause() == keeping.FIRST_PAUSE_S


class Flaky:
    """Ends when told, and fails to start as often as told."""

    name = "flaky"

    def __init__(self, failures: int) -> None:
        self.end = asyncio.Event()
        self.failures = failures
        self.starts = 0
        self.up = asyncio.Event()

    async def start(self, timeout_s: float) -> None:
        self.starts += 1
        if self.starts <= self.failures:
            raise NotStarted("dev.not_started", "expected it to start, but it did not")
        self.up.set()

    async def ended(self) -> int:
        await self.end.wait()
        self.end.clear()
        return -9


class Heard:
    def __init__(self) -> None:
        self.said: list[tuple[object, ...]] = []

    def up(self, name: str, seconds: float, where: str | None = None) -> None:
        self.said.append(("up", name))

    def note(self, sentence: str) -> None:
        raise AssertionError(sentence)

    def down(self, name: str, exit_code: int | None, pause_s: float) -> None:
        self.said.append(("down", name, exit_code))


async def test_starts_that_fail_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "FIRST_PAUSE_S", 0.001)
    flaky, heard = Flaky(failures=2), Heard()
    changes: list[tuple[str, bool]] = []
    async with asyncio.TaskGroup() as group:
        keeping_it = group.create_task(
            keep(flaky, heard, lambda name, up: changes.append((name, up)))
        )
        flaky.end.set()
        await asyncio.wait_for(flaky.up.wait(), 5)
        await asyncio.sleep(0)
        keeping_it.cancel()
    assert heard.said == [
        *(("down", "flaky", -9), ("down", "flaky", None), ("down", "flaky", None)),
        ("up", "flaky"),
    ]
    assert changes == [("flaky", False), ("flaky", True)]
