"""How workers, and handlers in processes of their own, end."""

import gc
import logging
import os
import signal
import sys
import threading
from asyncio import Event, sleep
from concurrent.futures.process import BrokenProcessPool
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stretto.contracts.failures import Failure
from stretto.contracts.payload import NULL
from stretto.contracts.public import Task
from stretto.runtime.errors import NotReachable
from stretto.worker import Worker
from stretto.worker import pools as pools_module
from stretto.worker import process as process_module
from stretto.worker import worker as worker_module
from stretto.worker.context import Context
from stretto.worker.ledger import Attempt, Delivery
from stretto.worker.pools import Pools, run_here
from stretto.worker.process import EXIT_DRAINED, EXIT_FAILED, run_workers
from stretto.worker.runner import Run
from stretto.worker.settings import WorkerSettings

TASK = Task(id="r:a:1", run_id="r", step="a", attempt=1, task="t", input=NULL, reply="here")


class Fake:
    """A worker of which the test says what it does."""

    name = "fake"
    busy_threads = 0

    def __init__(self, *, fails: bool = False, signals: int = 0) -> None:
        self._fails = fails
        self._signals = signals

    async def run(self, stopping: Event) -> None:
        if self._fails:
            raise ZeroDivisionError("on purpose")
        for _ in range(self._signals):
            os.kill(os.getpid(), signal.SIGTERM)
            await stopping.wait()
            await sleep(0)
        if self._signals > 1:
            await Event().wait()  # the second signal does not wait for what runs


@pytest.fixture(autouse=True)
def collector() -> Any:
    """A worker's process looks for garbage rarely: the one of the tests does not."""
    kept = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*kept)


def run(*workers: Fake) -> int:
    return run_workers(cast(list[Worker], list(workers)))


def test_a_worker_that_is_told_to_stop_ends_in_order() -> None:
    assert run(Fake(signals=1), Fake()) == EXIT_DRAINED


def test_a_second_signal_ends_at_once(caplog: pytest.LogCaptureFixture) -> None:
    assert run(Fake(signals=2)) == EXIT_FAILED
    assert "workers ended at once" in caplog.messages


def test_a_worker_that_fails_says_why(caplog: pytest.LogCaptureFixture) -> None:
    assert run(Fake(fails=True)) == EXIT_FAILED
    [record] = [record for record in caplog.records if record.message == "worker failed"]
    assert record.exc_info is not None and "on purpose" in str(record.exc_info[1])


def test_a_handler_that_blocks_for_ever_does_not_keep_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(process_module.os, "_exit", ended.append)
    monkeypatch.setattr(process_module.logging, "shutdown", lambda: None)
    blocked = Fake()
    blocked.busy_threads = 1
    run(blocked)
    assert ended == [EXIT_DRAINED]


def test_logs_are_for_people_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(
        process_module, "configure_logging", lambda _level, form, **_: told.append(form)
    )
    run(Fake())
    monkeypatch.setenv("STRETTO_LOG_FORMAT", "json")
    run(Fake())
    assert told == ["console", "json"]


def test_where_there_is_no_uvloop_the_usual_loop_does() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "platform", "win32")
        assert process_module._loop_factory() is None


def test_a_worker_that_could_not_drain_says_so_by_its_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = Worker(queue="q")
    for code in (EXIT_DRAINED, EXIT_FAILED):
        monkeypatch.setattr(process_module, "run_workers", lambda _workers, c=code: c)
        if code:
            with pytest.raises(SystemExit) as ended:
                worker.serve()
            assert ended.value.code == code
        else:
            worker.serve()


async def test_a_worker_waits_for_a_bus_that_is_not_there_yet(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answers: list[object] = [NotReachable("bus.not_reachable", "expected NATS"), "connection"]

    async def connect(*_: object, **__: object) -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(worker_module, "connect", connect)
    found: object = await Worker(queue="q")._connect(WorkerSettings())
    assert found == "connection"
    assert caplog.messages == ["bus not reachable yet"]


# --- processes of a pool


async def test_attempts_of_a_process_that_dies_fail_and_the_next_pool_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Broken:
        ended = 0

        def submit(self, *_: object) -> None:
            raise BrokenProcessPool

        def shutdown(self, **_: object) -> None:
            self.ended += 1

    pools, broken = Pools(2), Broken()
    pools._processes = cast(Any, broken)
    first = await pools.in_process(print, {}, TASK, None)
    newer = pools._processes = cast(Any, Broken())
    monkeypatch.setattr(pools, "_process_pool", lambda: broken)
    second = await pools.in_process(print, {}, TASK, None)

    assert isinstance(first, Failure) and isinstance(second, Failure)
    assert (
        first.message
        == second.message
        == ("expected the process of the handler to live, but it ended")
    )
    assert broken.ended == 1 and pools._processes is newer


def test_a_handler_in_a_process_has_its_context_and_its_errors_travel() -> None:
    def told(ctx: Context, by: int) -> float:
        return 6 / by + ctx.attempt

    assert bytes(cast(Any, run_here(told, {"by": 2}, TASK, "ctx"))) == b"4.0"
    failed = run_here(told, {"by": 0}, TASK, "ctx")
    assert isinstance(failed, Failure) and failed.type == "ZeroDivisionError"


def test_a_process_ends_with_the_one_that_made_it_and_only_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[str] = []
    over = threading.Event()

    def end(code: int) -> None:
        waited.append(f"exit {code}")
        over.set()

    monkeypatch.setattr(pools_module.os, "_exit", end)
    pools_module._end_with_parent()  # nobody made this one
    assert waited == []
    parent = SimpleNamespace(join=lambda: waited.append("parent ended"))
    monkeypatch.setattr(pools_module.multiprocessing, "parent_process", lambda: parent)
    kept = signal.getsignal(signal.SIGINT)
    try:
        pools_module._begin_process()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, kept)
    assert over.wait(10)
    assert waited == ["parent ended", "exit 1"]


def test_the_first_reason_to_stop_an_attempt_stands() -> None:
    class Stopped:
        cancelled = 0

        def cancel(self) -> None:
            self.cancelled += 1

    attempt = Run(Attempt(TASK, Delivery(None)), cast(Any, None), "")
    attempt.task = cast(Any, Stopped())
    attempt.context = Context(TASK)
    attempt.begun = True
    attempt.stop("deadline")
    attempt.stop("withdrawn")
    assert (attempt.reason, cast(Any, attempt.task).cancelled) == ("deadline", 1)
    assert attempt.context.cancelled


def test_what_a_handler_says_of_its_share_is_within_bounds() -> None:
    said: list[tuple[object, ...]] = []
    context = Context(TASK, lambda *told: said.append(told[:2]))
    for share in (-1.0, 0.5, 7.0):
        context.progress(share, "going")
    assert said == [(0.0, "going"), (0.5, "going"), (1.0, "going")]
