"""A handler: a function, the task it is for, and the way in which it is run.

======== ============================= ======================================================
way      function                      where
======== ============================= ======================================================
inline   `async def` without any await in the worker's event loop, at once: it cannot wait
async    `async def`                   in the worker's event loop, as a task of its own
thread   `def`                         in a thread: it may block, the others go on
process  `def`, `cpu=True`             in a process: it may compute, the others go on
======== ============================= ======================================================

A task of the event loop costs 3 µs, a third of all that a short attempt costs; a coroutine whose
code holds no place to wait can only run through, so it is driven by hand.
"""

import dis
import enum
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from stretto.worker.binding import Binding, bind
from stretto.worker.errors import HandlerRefused

MAX_TASK_NAME_CHARS = 200
"""A task's name is shown in lists and travels in every presence message."""

Function = Callable[..., Any]


class Way(enum.Enum):
    INLINE = "inline"
    ASYNC = "async"
    THREAD = "thread"
    PROCESS = "process"


class Handler:
    """One registered handler. Raises HandlerRefused where the function cannot be one."""

    __slots__ = ("binding", "function", "task", "way")

    def __init__(self, task: str, function: Function, *, cpu: bool = False) -> None:
        if not task or len(task) > MAX_TASK_NAME_CHARS or not task.isprintable() or " " in task:
            raise HandlerRefused(
                f"expected the name of a task, 1 to {MAX_TASK_NAME_CHARS} characters without "
                f"spaces, but got {task[:50]!r}"
            )
        self.task = task
        self.function = function
        self.way = _way_of(task, function, cpu)
        self.binding: Binding = bind(function)


def _way_of(task: str, function: Function, cpu: bool) -> Way:
    waits = is_async(function)
    if cpu and waits:
        raise HandlerRefused(
            f"expected the handler of {task!r} to be a plain function, since it is cpu=True and "
            "runs in another process, but it is async"
        )
    if cpu:
        return Way.PROCESS
    if not waits:
        return Way.THREAD
    return Way.INLINE if runs_through(function) else Way.ASYNC


def is_async(function: Function) -> bool:
    """Tell whether calling a function gives a coroutine (also for objects with such a call)."""
    while isinstance(function, partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - its kind is asked for, not whether it is
    )


def runs_through(function: Function) -> bool:
    """Tell whether a coroutine function holds no place where it could be suspended.

    Every `await`, `async with` and `async for` is a YIELD_VALUE in the code; without one, nothing
    that it calls can suspend it.
    """
    if not inspect.isfunction(function) or not inspect.iscoroutinefunction(function):
        return False
    return not any(i.opname == "YIELD_VALUE" for i in dis.get_instructions(function))
