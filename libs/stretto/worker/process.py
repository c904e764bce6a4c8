"""A process of workers: found in a module, run together, ended by signals."""

import asyncio
import gc
import importlib
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from stretto.runtime.context import GC_THRESHOLDS
from stretto.runtime.errors import PermanentError
from stretto.runtime.settings import read_settings
from stretto.telemetry import names
from stretto.telemetry.logging import configure_logging
from stretto.worker.settings import WorkerSettings
from stretto.worker.worker import Worker

EXIT_DRAINED = 0
EXIT_FAILED = 1

logger = logging.getLogger(__name__)


class NoWorkers(PermanentError):
    """A module that should hold workers cannot be imported, or holds none."""


def load_workers(target: str) -> list[Worker]:
    """Import a module and return the workers in it.

    Args:
        target: `package.module`, `path/to/file.py`, or either with `:name` of one worker.

    Raises:
        NoWorkers: it cannot be imported, there is no such worker in it, or one has no handlers.
    """
    place, _, name = target.partition(":")
    module = _import(place)
    found = {k: v for k, v in vars(module).items() if isinstance(v, Worker)}
    if name:
        found = {k: v for k, v in found.items() if k == name}
    if not found:
        what = f"a worker called {name!r}" if name else "a worker, as in `worker = Worker(...)`,"
        raise NoWorkers("worker.none", f"expected {what} in {place}, but there is none")
    for name, worker in found.items():
        if not worker.tasks:
            raise NoWorkers(
                "worker.without_handlers",
                f"expected {name!r} in {place} to have a handler, as in "
                f'`@{name}.task("shop.pack")`, but it has none',
            )
    return list(dict.fromkeys(found.values()))


def _import(place: str) -> object:
    path = Path(place)
    is_file = path.suffix == ".py" or os.sep in place
    if is_file and not path.is_file():
        near = " (is `.py` missing at its end?)" if path.with_suffix(".py").is_file() else ""
        raise NoWorkers(
            "worker.not_importable", f"expected a Python file {place}, but there is none{near}"
        )
    # As a script would be: what lies beside it can be imported, also by child processes.
    sys.path.insert(0, str(path.resolve().parent if is_file else Path.cwd()))
    name = path.stem if is_file else place
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise NoWorkers("worker.not_importable", _missing(place, name, error)) from error
    except Exception as error:  # it is the module's own code that runs: anything can come of it
        raise NoWorkers(
            "worker.not_importable",
            f"expected to import {place}, but: {type(error).__name__}: {error}{_line(error, name)}",
        ) from error


def _line(error: BaseException, name: str) -> str:
    """Where in the module an error came from, where its text does not say so itself."""
    if isinstance(error, SyntaxError):
        return ""
    frames = traceback.walk_tb(error.__traceback__)
    lines = [line for frame, line in frames if frame.f_globals.get("__name__") == name]
    return f" (line {lines[-1]})" if lines else ""


def _missing(place: str, name: str, error: ModuleNotFoundError) -> str:
    """What is missing: the module itself, or one that it needs."""
    missing = error.name or ""
    if missing == name or name.startswith(f"{missing}."):
        return (
            f"expected a Python module {place}, but there is none in {Path.cwd()} or on the path; "
            "a file is named with its ending: workers.py"
        )
    return f"expected to import {place}, but it needs the module {missing!r}, which is not there"


def run_workers(workers: Sequence[Worker]) -> int:
    """Run workers in this process until SIGTERM or SIGINT; return the exit code.

    The first signal drains, the second ends at once.

    Raises:
        InvalidSettings: the environment says something that cannot be.
    """
    if not logging.getLogger().handlers:
        settings = read_settings(WorkerSettings)
        asked = "log_format" in settings.model_fields_set
        form = settings.log_format if asked else "console"  # for a person, unless told otherwise
        configure_logging(settings.log_level, form, service="worker", instance=workers[0].name)
    # Attempts are structs without cycles: the collector finds nothing there and may look rarely.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        code = runner.run(_serve(workers))
    if any(worker.busy_threads for worker in workers):
        # A handler that blocks for ever would keep the interpreter from ending.
        logging.shutdown()
        os._exit(code)
    return code


async def _serve(workers: Sequence[Worker]) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    own = asyncio.current_task()
    assert own is not None, "runs as a task"

    def signalled(number: int) -> None:
        logger.info("signal", extra={names.LOG_SIGNAL: signal.Signals(number).name})
        if stopping.is_set():
            own.cancel()
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signalled, number)
    try:
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker.run(stopping), name=worker.name)
    except ExceptionGroup as errors:
        for error in errors.exceptions:
            logger.error("worker failed", exc_info=error)
        return EXIT_FAILED
    except asyncio.CancelledError:
        logger.warning("workers ended at once")
        return EXIT_FAILED
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
    return EXIT_DRAINED


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loops; None, the usual ones, where it does not exist (Windows)."""
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop
