"""Threads and processes for handlers that block or compute; made when the first one needs them."""

import asyncio
import contextvars
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import msgspec

from stretto.contracts.failures import Failure, FailureType
from stretto.contracts.payload import MAX_STORED_BYTES
from stretto.contracts.public import Task
from stretto.worker.context import Context
from stretto.worker.outcome import encode_output, failure_of

MAX_THREADS = 256
"""A thread costs memory and switching; handlers that wait in greater numbers should be async."""

Ended = msgspec.Raw | Failure
"""How a handler ended: its output as JSON, or why it failed."""


class Pools:
    """The pools of one worker.

    Args:
        slots: no more handlers than this run at once.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._threads: ThreadPoolExecutor | None = None
        self._processes: ProcessPoolExecutor | None = None
        self._in_threads = 0
        self._lock = threading.Lock()

    @property
    def busy_threads(self) -> int:
        """Handlers that run in threads now, also those that nobody waits for any more."""
        return self._in_threads

    async def in_thread(self, context: contextvars.Context, call: Callable[[], object]) -> object:
        """Run a plain function in a thread, within a context; returns what it returns."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(
                min(self._slots, MAX_THREADS), thread_name_prefix="stretto-task"
            )
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._counted, context, call
        )

    def _counted(self, context: contextvars.Context, call: Callable[[], object]) -> object:
        with self._lock:
            self._in_threads += 1
        try:
            return context.run(call)
        finally:
            with self._lock:
                self._in_threads -= 1

    async def in_process(
        self,
        function: Callable[..., object],
        arguments: Mapping[str, Any],
        task: Task,
        context: str | None,
    ) -> Ended:
        """Run a plain function in another process; `context` names its context parameter.

        A process that dies takes its attempts with it: they fail and may be tried again.
        """
        pool = self._process_pool()
        facts = msgspec.structs.replace(task, input=msgspec.Raw(b"null"))
        try:
            return await asyncio.get_running_loop().run_in_executor(
                pool, run_here, function, dict(arguments), facts, context
            )
        except BrokenProcessPool:
            if self._processes is pool:
                self._processes = None
                pool.shutdown(wait=False, cancel_futures=True)
            return Failure(
                type=FailureType.WORKER_LOST,
                message="expected the process of the handler to live, but it ended",
            )

    def close(self) -> None:
        """Let go of the pools; handlers that still run in them are not waited for."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        if self._processes is not None:
            children = list((getattr(self._processes, "_processes", None) or {}).values())
            self._processes.shutdown(wait=False, cancel_futures=True)
            for child in children:
                child.terminate()
        self._threads = self._processes = None

    def _process_pool(self) -> ProcessPoolExecutor:
        if self._processes is None:
            self._processes = ProcessPoolExecutor(
                min(self._slots, os.cpu_count() or 1),
                # Not fork: this process has an event loop and threads.
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin_process,
            )
        return self._processes


def run_here(
    function: Callable[..., object], arguments: dict[str, Any], task: Task, context: str | None
) -> Ended:
    """Run a handler in a process of the pool and encode how it ended, so that it can travel."""
    if context is not None:
        arguments[context] = Context(task)
    try:
        return encode_output(function(**arguments), MAX_STORED_BYTES)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a handler raises is its outcome
        return failure_of(error)


def _begin_process() -> None:
    """Leave Ctrl-C to the worker, which drains first, and end when the worker has died."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
