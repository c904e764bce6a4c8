"""Worker processes, as many as are wanted."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from stretto.contracts.codec import json_encode
from stretto.contracts.scaling import Scaling
from stretto.worker import children
from stretto.worker.scaling import Advised, Crew, Range, parse_range

WAITS = (sys.executable, "-c", "import signal; signal.pause()")
DEAF = "import signal, sys; signal.signal(15, lambda *_: 0); open(sys.argv[1], 'x')"
STUBBORN = (sys.executable, "-c", f"{DEAF}\nwhile 1: signal.pause()")
"""Makes a file when it does not hear SIGTERM any more."""

ENDS = (sys.executable, "-c", "")


def said(instance: str, wanted: int) -> bytes:
    return json_encode(Scaling(instance=instance, wanted=wanted))


@pytest.mark.parametrize(
    ("text", "range_"), [("1..8", Range(1, 8)), ("4", Range(4, 4)), ("0..2", Range(0, 2))]
)
def test_a_range_is_read(text: str, range_: Range) -> None:
    assert parse_range(text) == range_


@pytest.mark.parametrize("text", ["", "a..b", "3..1", "-1..2", "0", "1..1000", "1..", "1...3"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a range"):
        parse_range(text)


def test_what_the_instances_say_is_added_up_and_the_largest_queue_counts() -> None:
    advised = Advised()
    assert advised.wanted(0) is None
    advised.hear("a", said("one", 2), 0)
    advised.hear("a", said("two", 3), 1)
    advised.hear("b", said("one", 4), 1)
    assert advised.wanted(1) == 5
    advised.hear("a", b"{", 2)  # not understood: not counted
    assert advised.wanted(5.5) == 4  # what the first said of `a` is too old
    assert advised.wanted(60) is None


async def test_a_crew_grows_shrinks_from_the_youngest_and_ends() -> None:
    told: list[int] = []
    crew = Crew(lambda _: WAITS, told.append)
    await crew.become(3, 0)
    await crew.become(3, 1)
    await crew.become(1, 2)
    assert (len(crew), told) == (1, [3, 1])
    await crew.end()
    assert len(crew) == 0


async def test_a_process_that_ends_by_itself_is_replaced_after_a_moment() -> None:
    numbers: list[int] = []

    def command(number: int) -> tuple[str, ...]:
        numbers.append(number)
        return ENDS if len(numbers) == 1 else WAITS

    crew = Crew(command)
    await crew.become(1, 0)
    await crew._members[0].process.wait()
    await crew.become(1, 10)
    assert len(crew) == 0  # noticed; not replaced at once, again and again
    await crew.become(1, 10.5)
    assert len(crew) == 0
    await crew.become(1, 11)
    assert (len(crew), numbers) == (1, [1, 1])
    await crew.end()


async def test_one_that_ended_before_it_was_asked_to_is_no_trouble() -> None:
    crew = Crew(lambda _: ENDS)
    await crew.become(1, 0)
    await crew._members[0].process.wait()
    await crew.end()
    assert len(crew) == 0


async def test_one_that_does_not_drain_is_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(children, "END_S", 1.0)
    crew = Crew(lambda number: WAITS if number == 1 else (*STUBBORN, str(tmp_path / "deaf")))
    await crew.become(2, 0)
    drains, process = (member.process for member in crew._members)
    async with asyncio.timeout(10):
        while not (tmp_path / "deaf").exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.01)
    await crew.end()
    assert process.returncode == -signal.SIGKILL and drains.returncode is not None


def test_parts_of_a_worker_are_added_up_before_they_are_rounded() -> None:
    advised = Advised()
    for instance, share in (("a", 0.4), ("b", 0.4), ("c", 0.5)):
        scaling = Scaling(instance=instance, wanted=1, share=share)
        advised.hear("q", json_encode(scaling), 0)
    assert advised.wanted(0) == 2
