"""What can be a handler, and how it is run."""

import asyncio
from functools import partial, wraps
from typing import Any

import pytest

from stretto.worker import HandlerRefused, Worker
from stretto.worker.handler import Handler, Way, is_async, runs_through
from stretto.worker.runner import run_through


async def at_once(n: int = 0) -> int:
    return n


async def waits() -> None:
    await asyncio.sleep(0)


async def opens() -> None:
    async with asyncio.Lock():
        pass


async def loops(source: Any = None) -> None:
    async for _ in source:
        pass


async def gathers() -> list[int]:
    return [n async for n in Numbers()]


class Numbers:
    def __aiter__(self) -> "Numbers":
        return self

    async def __anext__(self) -> int:
        raise StopAsyncIteration


def plain() -> None: ...


class Called:
    async def __call__(self, n: int) -> int:
        return n


def decorated() -> Any:
    @wraps(at_once)
    async def inner(n: int = 0) -> int:
        return await at_once(n)

    return inner


@pytest.mark.parametrize(
    ("function", "way"),
    [
        (at_once, Way.INLINE),
        (waits, Way.ASYNC),
        (opens, Way.ASYNC),
        (loops, Way.ASYNC),
        (gathers, Way.ASYNC),
        (decorated(), Way.ASYNC),
        (Called(), Way.ASYNC),
        (partial(at_once, 1), Way.ASYNC),
        (plain, Way.THREAD),
    ],
)
def test_the_way_follows_from_the_function(function: Any, way: Way) -> None:
    assert Handler("t", function).way is way


def test_cpu_bound_functions_run_in_a_process() -> None:
    assert Handler("t", plain, cpu=True).way is Way.PROCESS
    with pytest.raises(HandlerRefused, match="plain function"):
        Handler("t", waits, cpu=True)


@pytest.mark.parametrize("name", ["", "with space", "x" * 201, "line\nbreak"])
def test_names_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(HandlerRefused, match="expected the name of a task"):
        Handler(name, plain)


def test_only_functions_without_a_place_to_wait_run_through() -> None:
    assert runs_through(at_once)
    assert not runs_through(waits)
    assert not runs_through(plain)
    assert not runs_through(Called())
    assert is_async(partial(partial(waits)))
    assert run_through(at_once(3)) == 3


def test_a_coroutine_that_waits_cannot_run_through() -> None:
    with pytest.raises(AssertionError, match="but it waits"):
        run_through(waits())


def test_a_task_has_one_handler() -> None:
    worker = Worker(name="w")
    assert worker.task("t")(plain) is plain
    with pytest.raises(HandlerRefused, match="there is one already"):
        worker.task("t")(plain)
    assert worker.tasks == ["t"]
