"""Where the tasks of this event loop wait, to tell why something does not end."""

import asyncio
from typing import Any


def where_tasks_wait() -> str:
    """Return a line for each task: the functions it is in, outermost first, with file and line."""
    return "\n".join(sorted(_waits(task) for task in asyncio.all_tasks()))


def _waits(task: asyncio.Task[Any]) -> str:
    places: list[str] = []
    inner: Any = task.get_coro()
    while (frame := getattr(inner, "cr_frame", None)) is not None:
        code = frame.f_code
        places.append(f"{code.co_qualname} ({code.co_filename}:{frame.f_lineno})")
        inner = inner.cr_await
    return f"{task.get_name()}: {' → '.join(places)}"
