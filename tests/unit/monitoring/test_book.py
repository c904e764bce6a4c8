"""The runs in memory: order, gaps, limits; over a log and a shelf that are plain lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from services.monitoring import book as book_module
from services.monitoring.book import Book, fold
from services.monitoring.core.projection import RunProjection
from services.monitoring.history import PAGE, AskedLog, LoggedEvent
from services.monitoring.statistics import Statistics
from stretto.client.errors import Rejected
from stretto.contracts.frames import LogEvent, LogRecord
from stretto.runtime.clock import rfc3339
from stretto.runtime.errors import NotReachable
from tests.unit.client.canned import CannedBus

US = 1_700_000_000_000_000


class ListedLog:
    """A log that is a mapping; `away`: nobody answers."""

    def __init__(self) -> None:
        self.runs: dict[bytes, list[LogEvent]] = {}
        self.away = False
        self.asked = 0

    async def of_run(self, run_id: bytes, after_seq: int) -> Sequence[LoggedEvent]:
        self.asked += 1
        if self.away:
            raise NotReachable("away", "away")
        if run_id not in self.runs:
            raise Rejected("run_unknown", "gone")
        return [logged(e) for e in self.runs[run_id] if e.seq > after_seq]

    async def page(self, after: tuple[bytes, int] | None) -> Sequence[LoggedEvent]:
        raise AssertionError


class Shelf:
    def __init__(self) -> None:
        self.runs: dict[bytes, RunProjection] = {}

    async def load(self, run_ids: Iterable[bytes]) -> dict[bytes, RunProjection]:
        return {r: self.runs[r] for r in run_ids if r in self.runs}


def logged(event: LogEvent) -> LoggedEvent:
    import msgspec

    return LoggedEvent(
        seq=event.seq, type=event.type, at=rfc3339(event.at_us), data=msgspec.Raw(event.data)
    )


def log_of(steps: int) -> list[LogEvent]:
    events = [("run.started", b'{"namespace":"default","workflow":"w","version":1}')]
    for n in range(steps):
        events.append(("step.scheduled", b'{"step":"s%d","attempt":1,"task":"t"}' % n))
        events.append(("step.completed", b'{"step":"s%d","attempt":1}' % n))
    events.append(("run.completed", b"{}"))
    return [LogEvent(n, t, US + n * 1000, d) for n, (t, d) in enumerate(events, 1)]


def record(run_id: bytes, events: list[LogEvent]) -> LogRecord:
    return LogRecord(run_id, "default", "w", 1, None, events)


@pytest.fixture
def log() -> ListedLog:
    return ListedLog()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def book(log: ListedLog, shelf: Shelf) -> Book:
    return Book(log, shelf, Statistics())


def run_id(n: int) -> bytes:
    return n.to_bytes(16, "big")


def write(book: Book) -> dict[bytes, RunProjection]:
    rows = book.rows()
    book.written(rows)
    return {row.run.run_id: row.run for row in rows}


async def test_rows_are_what_changed_since_they_were_written(book: Book) -> None:
    events = log_of(2)
    book.take(record(run_id(1), events[:2]))
    book.take(record(run_id(2), events))
    assert book.changed == 2
    rows = write(book)
    assert rows[run_id(1)].counts == {"open": 1} and rows[run_id(2)].status == "completed"
    assert (book.changed, book.held) == (0, 1)  # the one that ended left
    book.take(record(run_id(1), events[2:]))
    assert list(write(book)) == [run_id(1)]


async def test_what_ended_and_is_told_again_changes_nothing(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book_module, "LATELY_CLOSED", 1)
    book.take(record(run_id(1), log_of(1)))
    write(book)
    book.take(record(run_id(1), log_of(1)))
    assert book.changed == 0
    book.take(record(run_id(2), log_of(1)))
    write(book)
    book.take(record(run_id(1), log_of(1)))  # too long ago: the rows themselves know better
    assert book.changed == 1


async def test_a_gap_is_filled_before_what_is_behind_it(book: Book, log: ListedLog) -> None:
    events = log_of(3)
    log.runs[run_id(1)] = events[:6]
    book.take(record(run_id(1), events[:1]))
    book.take(record(run_id(1), events[5:6]))
    book.take(record(run_id(1), events[6:]))
    assert book.unsure == 1
    await book.settle()
    assert (book.unsure, log.asked) == (0, 1)
    assert write(book)[run_id(1)].counts == {"completed": 3}


async def test_a_run_comes_back_from_the_shelf(book: Book, log: ListedLog, shelf: Shelf) -> None:
    kept = RunProjection(run_id(1), "default", "w", 1, None)
    for e in log_of(2)[:4]:
        kept.apply(e.seq, e.type, e.at_us, e.data)
    shelf.runs[run_id(1)] = kept
    log.runs[run_id(1)] = log_of(2)
    book.take(record(run_id(1), log_of(2)[4:]))
    await book.settle()
    assert write(book)[run_id(1)].status == "completed"


async def test_a_history_that_cannot_be_read_is_asked_for_again(
    book: Book, log: ListedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book_module, "RETRY_GAP_S", 0.0)
    log.away = True
    events = log_of(2)
    book.take(record(run_id(1), events[3:4]))
    await book.settle()
    assert book.unsure == 1
    assert write(book)[run_id(1)].status == "running"  # listed already
    log.away = False
    log.runs[run_id(1)] = events
    await book.settle()
    assert book.unsure == 0
    assert write(book)[run_id(1)].status == "completed"
    await book.settle()
    assert log.asked == 2


async def test_a_history_that_is_behind_what_waits_is_asked_for_again(
    book: Book, log: ListedLog
) -> None:
    events = log_of(2)
    log.runs[run_id(1)] = events[:2]
    book.take(record(run_id(1), events[3:]))
    await book.settle()
    assert book.unsure == 1


async def test_a_run_that_the_log_lost_is_shown_as_far_as_it_is_known(book: Book) -> None:
    events = log_of(2)
    book.take(record(run_id(1), events[1:2]))
    book.take(record(run_id(1), events[4:]))
    await book.settle()
    run = write(book)[run_id(1)]
    assert (run.status, run.last_seq) == ("completed", 6)


async def test_too_many_runs_leave_memory_with_their_steps(
    book: Book, shelf: Shelf, log: ListedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book_module, "MAX_RUNS", 10)
    for n in range(12):
        book.take(record(run_id(n), log_of(1)[:2]))
    write(book)
    assert book.held == 9
    book.take(record(run_id(11), log_of(1)[2:3]))
    monkeypatch.setattr(book_module, "MAX_STEPS", 5)
    rows = book.rows()
    assert sum(row.with_steps for row in rows) == 5 and len(rows) == 6
    book.written(rows)
    assert book.held == 4


async def test_runs_are_compared_with_the_log_when_asked_to(
    book: Book, log: ListedLog, shelf: Shelf
) -> None:
    book.take(record(run_id(1), log_of(1)[:2]))
    write(book)
    log.runs[run_id(1)] = log_of(1)
    book.recheck([run_id(1), run_id(2)])
    await book.settle()
    assert write(book)[run_id(1)].status == "completed"
    book.recheck([run_id(1)])  # ended meanwhile
    await book.settle()
    assert book.changed == 0


async def test_what_was_folded_elsewhere_is_taken_unless_more_is_known(book: Book) -> None:
    older, newer = (RunProjection(run_id(1), "default", "w", 1, None) for _ in range(2))
    for e in log_of(1):
        newer.apply(e.seq, e.type, e.at_us, e.data)
    older.apply(1, "run.started", US, b'{"namespace":"default","workflow":"w"}')
    book.take(record(run_id(1), log_of(1)[:2]))
    book.adopt(older, None)
    assert write(book)[run_id(1)].last_seq == 2
    book.adopt(newer, [(("t", 1000), US)])
    assert write(book)[run_id(1)].last_seq == 4
    book.adopt(newer, None)  # ended lately
    assert book.changed == 0
    book.forget_closed()
    book.adopt(newer, None)
    assert book.changed == 1


async def test_events_that_cannot_be_read_are_passed_over(book: Book) -> None:
    events = log_of(1)
    events[1] = LogEvent(2, "step.scheduled", US, b'{"step":1}')
    book.take(record(run_id(1), events))
    assert write(book)[run_id(1)].status == "completed"
    book.clear()
    assert (book.held, book.changed, book.unsure) == (0, 0, 0)


async def test_a_run_that_ended_and_goes_on_is_open_again(book: Book) -> None:
    events = log_of(1)
    book.take(record(run_id(1), events))
    write(book)
    rewound = LogEvent(len(events) + 1, "run.rewound", US + 9_000, b'{"steps":["s0"]}')

    book.take(record(run_id(1), [*events, rewound]))

    assert write(book)[run_id(1)].status == "running"


async def test_one_run_that_is_too_large_leaves_memory(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book_module, "MAX_STEPS", 1)
    book.take(record(run_id(1), log_of(30)[:-1]))

    assert [row.run.run_id for row in book.rows()] == [run_id(1)]
    write(book)

    assert book.held == 0


def test_what_was_folded_already_is_folded_once() -> None:
    run = RunProjection(run_id(1), "default", "w", 1, None)
    events = [logged(event) for event in log_of(2)]

    fold(events[:3], run)
    fold(events, run)

    assert (run.last_seq, run.status) == (len(events), "completed")


async def test_a_long_history_is_read_page_after_page() -> None:
    def page(asked: dict[str, int]) -> dict[str, object]:
        first = asked["after_seq"] + 1
        last = min(first + PAGE - 1, PAGE + 3)
        at = rfc3339(US)
        found = [{"seq": n, "type": "x", "at": at, "data": {}} for n in range(first, last + 1)]
        return {"events": found}

    log = AskedLog(CannedBus({"workflow.history": page}).asks())

    assert [event.seq for event in await log.of_run(run_id(1), 0)] == list(range(1, PAGE + 4))
