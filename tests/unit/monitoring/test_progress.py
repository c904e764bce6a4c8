"""How far runs are: from what this process holds, from the log, from what attempts say."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import msgspec
import pytest

from services.monitoring import progress as module
from services.monitoring import signs as signs_module
from services.monitoring.book import Book
from services.monitoring.core.projection import RunProjection
from services.monitoring.durations import Durations
from services.monitoring.progress import TELL_EVERY_S, ProgressOfRuns
from services.monitoring.signs import MAX_MESSAGE_CHARS, MAX_MOVED, Signs
from services.monitoring.statistics import Statistics
from stretto.bus.request import RemoteError
from stretto.bus.service import Refusal
from stretto.contracts.answers import RunProgress
from stretto.contracts.codec import json_encode
from stretto.contracts.ids import run_id_text
from stretto.contracts.public import Progress
from stretto.runtime.errors import TransientError
from stretto.testkit.clock import FakeClock
from tests.unit.client.canned import Answer, CannedBus

from .test_book import US, ListedLog, Shelf, log_of, record

RUN = bytes(range(16))
OTHER = bytes(range(1, 17))
GRAPH = {"version": 1, "graph": {"root": {"steps": [{"name": "s0"}, {"name": "later"}]}}}


class KeptNothing:
    """A database in which nothing was kept yet."""

    async def row(self, _run_id: bytes) -> tuple[RunProjection, int] | None:
        return None

    async def state(self, _key: str) -> bytes | None:
        return None


class Published:
    """A connection: what is published on it."""

    is_connected = True

    def __init__(self) -> None:
        self.told: list[tuple[str, RunProgress]] = []
        self.full = 0
        """So many publications find no room."""

    async def publish(self, subject: str, data: bytes) -> None:
        if self.full:
            self.full -= 1
            raise TransientError("bus.full", "expected room, but there is none")
        self.told.append((subject, msgspec.json.decode(data, type=RunProgress)))


def progress_of(
    log: ListedLog, answers: dict[str, Answer] | None = None, signs: Signs | None = None
) -> ProgressOfRuns:
    clock = FakeClock(US + 10_000_000)
    bus = CannedBus(answers or {"workflow.definition": GRAPH})
    return ProgressOfRuns(cast(Any, KeptNothing()), log, signs or Signs(clock), bus.asks(), clock)


async def asked(of: ProgressOfRuns, run_id: bytes = RUN) -> RunProgress:
    data = await of.answer(json_encode({"run_id": run_id_text(run_id)}))
    return msgspec.json.decode(data, type=RunProgress)


@pytest.fixture
def log() -> ListedLog:
    found = ListedLog()
    found.runs[RUN] = log_of(1)[:-1]
    return found


async def test_a_run_that_is_held_nowhere_is_read_from_the_log(log: ListedLog) -> None:
    of = progress_of(log)

    first, again = await asked(of), await asked(of)

    assert (first.workflow, first.status) == ("w", "running")
    assert {step.step for step in first.steps} == {"s0", "later"}
    assert first == again


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b'{"run_id":"nonsense"}',
        b'{"run_id":5}',
        pytest.param(b'{"a":' * 5_000, id="too deep"),
    ],
)
async def test_what_is_no_run_id_is_refused(log: ListedLog, data: bytes) -> None:
    with pytest.raises(Refusal, match="expected a run id"):
        await progress_of(log).answer(data)


async def test_a_run_that_nobody_knows_is_refused(log: ListedLog) -> None:
    of = progress_of(log)

    with pytest.raises(Refusal) as unknown:
        await asked(of, OTHER)
    log.away = True
    with pytest.raises(Refusal) as away:
        await asked(of, OTHER)

    assert unknown.value.code == away.value.code == "run_unknown"


async def test_while_the_log_is_away_a_run_is_as_it_was_last(log: ListedLog) -> None:
    of = progress_of(log)
    known = await asked(of)
    log.away = True

    assert await asked(of) == known


@pytest.mark.parametrize(
    "answer", [RemoteError("unknown", "expected a workflow"), {"version": 1, "graph": None}]
)
async def test_without_the_definition_only_what_has_begun_is_told(
    log: ListedLog, answer: Answer
) -> None:
    of = progress_of(log, {"workflow.definition": answer})

    assert [step.step for step in (await asked(of)).steps] == ["s0"]


async def test_only_so_many_runs_and_graphs_are_kept(
    log: ListedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_RUNS", 1)
    monkeypatch.setattr(module, "MAX_GRAPHS", 0)
    log.runs[OTHER] = log_of(1)[:-1]
    of = progress_of(log)
    await asked(of)
    await asked(of, OTHER)
    log.away = True

    assert (await asked(of, OTHER)).run_id == run_id_text(OTHER)
    with pytest.raises(Refusal):
        await asked(of)


# --- what is told of runs that move


async def test_runs_that_move_are_told_of_a_few_at_a_time(
    log: ListedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_TOLD", 2)
    clock = FakeClock(US + 10_000_000)
    book = Book(log, Shelf(), Statistics())
    ids = [bytes([n]) * 16 for n in range(1, 5)]
    of = ProgressOfRuns(
        cast(Any, KeptNothing()),
        log,
        Signs(clock),
        CannedBus({"workflow.definition": GRAPH}).asks(),
        clock,
    )
    bus = Published()
    telling = asyncio.create_task(of.tell(cast(Any, bus)))

    async def turn() -> None:
        await asyncio.wait_for(clock.until_sleeping(), 10)
        await clock.advance(TELL_EVERY_S)
        await asyncio.wait_for(clock.until_sleeping(), 10)

    await turn()  # nothing is read here yet: nothing is told
    of.reads(book, Durations())
    for run_id in ids:
        book.take(record(run_id, log_of(1)[:-1]))
        book.moved[run_id] = None
    book.moved[OTHER] = None
    await turn()
    assert len(bus.told) == 2

    bus.full = 1
    for _ in range(2):  # in vain, and then again
        book.moved[ids[0]] = None
        await turn()
    telling.cancel()

    assert [view.run_id for _, view in bus.told] == [
        run_id_text(each) for each in (*ids[:2], ids[0])
    ]
    assert not book.moved


# --- signs of life


def said(**fields: Any) -> bytes:
    return json_encode(Progress(**{"id": f"{run_id_text(RUN)}:s0:1"} | fields))


def test_what_was_said_last_stands_until_something_else_is_said() -> None:
    signs = Signs(FakeClock(US + 10_000_000))

    signs.heard(b"", b"", b"", said(progress=0.25, message="m" * 999, worker="w"))
    signs.heard(b"", b"", b"", said())
    signs.heard(b"", b"", b"", said(progress=7.0))

    sign = signs.of(f"{run_id_text(RUN)}:s0:1")
    assert sign is not None
    assert (sign.progress, sign.message, sign.worker) == (1.0, "m" * MAX_MESSAGE_CHARS, "w")
    assert list(signs.moved) == [RUN]


def test_what_is_no_sign_of_life_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    signs = Signs(FakeClock(US + 10_000_000))

    for data in (b"{", b'{"id":"nonsense"}', b"[" * 100_000):
        signs.heard(b"", b"", b"", data)

    assert [record.message for record in caplog.records] == ["progress not understood"] * 3
    assert not signs.moved


def test_those_that_were_silent_longest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signs_module, "MAX_SIGNS", 2)
    signs = Signs(FakeClock(US + 10_000_000))
    ids = [f"{run_id_text(bytes([n]) * 16)}:s:1" for n in range(3)]

    for attempt in (*ids[:2], ids[0], ids[2]):
        signs.heard(b"", b"", b"", json_encode(Progress(id=attempt, progress=0.1)))

    assert [signs.of(attempt) is not None for attempt in ids] == [True, False, True]


def test_of_very_many_runs_that_move_some_are_told_of() -> None:
    signs = Signs(FakeClock(US + 10_000_000))

    for n in range(MAX_MOVED + 5):
        attempt = f"{run_id_text(n.to_bytes(16, 'big'))}:s:1"
        signs.heard(b"", b"", b"", json_encode(Progress(id=attempt, progress=0.1)))

    assert len(signs.moved) == MAX_MOVED
