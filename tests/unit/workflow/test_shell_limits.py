"""Limits of the shell: what is looked at in slices, read in pages, and sent when there is room."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.workflow import outgoing, parking, sending, sweeping
from services.workflow import payloads as payloads_module
from services.workflow import store as store_module
from services.workflow.api import Api
from services.workflow.batch import Touched
from services.workflow.causes import causes
from services.workflow.core.commands import Decided
from services.workflow.core.effects import Dispatch
from services.workflow.core.nodes import Place
from services.workflow.core.state import Line
from services.workflow.core.statuses import NodeStatus
from services.workflow.inbox import Addressed
from services.workflow.intake import read_decided
from services.workflow.outgoing import Frames
from services.workflow.parking import Parking, wakes_at
from services.workflow.payloads import BadPayload
from services.workflow.sending import Sender
from services.workflow.slots import Slot, Written
from services.workflow.store import Store
from services.workflow.sweeping import Sweep
from services.workflow.views import steps
from stretto.bus.message import Message
from stretto.contracts import subjects
from stretto.contracts.codec import pack, unpack_dispatch
from stretto.contracts.frames import DecidedFrame, DecidedRecord, RateRecord
from stretto.contracts.graph import KeyRate, Rate, Repeat, TaskPlan
from stretto.contracts.ids import run_id_text
from stretto.runtime.errors import TransientError
from stretto.runtime.topology import CHARGED_LANE
from stretto.telemetry.metrics import Metrics
from stretto.testkit.clock import FakeClock

from .builders import ASK, RUN_ID, START_US, Ask, Retry, StepPlan, Story, Timeouts, graph, task
from .test_shell_corners import events_of, slot_of
from .test_shell_faults import Log, refers

AWAY = TransientError("bus.not_reachable", "expected NATS, but it is away")


# --- parking


async def test_many_runs_are_looked_at_in_slices_and_woken_in_pages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parking, "LOOK_SLICE", 1)
    monkeypatch.setattr(parking, "WAKE_AT_ONCE", 2)
    due = [[b"a", b"b"], [b"c"]]
    held: list[bytes] = []

    class Due:
        async def wake(self, *_: object) -> list[bytes]:
            return due.pop(0)

    async def hold(run_ids: list[bytes]) -> None:
        held.extend(run_ids)

    slot = slot_of(Story(graph(task("a"))))
    loader = SimpleNamespace(slots={RUN_ID: slot})
    engine = cast(Any, SimpleNamespace(owned={0}, hold=hold, loader=loader))
    parks = Parking(engine, cast(Any, Due()), FakeClock(), Metrics(), 1)

    assert await parks.wake() == 3
    assert held == [b"a", b"b", b"c"]
    assert await parks.park() == 0, "an attempt is out"


def test_a_run_that_waits_for_those_that_it_cancels_stays() -> None:
    story = Story(graph(StepPlan(name="w", kind="approval")))
    for node in story.run.open.values():
        node.status = NodeStatus.WAITING
    story.run.line = cast(Any, Line("l", "k", 1, START_US))
    story.run.line.cancels = ("other",)

    assert wakes_at(story.run) == 0


def test_a_paused_run_is_not_woken_for_a_try_that_is_held_back() -> None:
    story = Story(
        graph(
            task(
                "a", retry=Retry(max_attempts=3, interval_s=600.0, max_interval_s=600.0, jitter=0.0)
            )
        )
    )
    story.fail("a")
    assert story.run.nodes["a"].status is NodeStatus.BACKOFF
    assert wakes_at(story.run) == START_US + 600_000_000

    story.run.paused = True

    assert wakes_at(story.run) == parking.NEVER_US


# --- payloads


async def test_references_as_deep_as_may_be_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payloads_module, "MAX_NESTING", 1)
    value = b'"x"'
    log = Log([value])

    await log.accept(RUN_ID, refers(value), [b"theirs"])

    assert list(log.ours.values()) == [value]
    with pytest.raises(BadPayload):
        await Log().accept(RUN_ID, refers(value))


# --- what is sent


def test_a_step_that_no_frame_in_haste_can_hold_goes_with_an_acknowledgement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outgoing, "MAX_FRAME_BYTES", 10)
    frames = Frames(START_US, 1)
    sent = Dispatch("a", 1, TaskPlan(name="t"), b"{}", Timeouts(), 0, 0)
    frames.add(slot_of(Story(graph(task("a")))), [sent])

    assert frames.quiet() == []
    assert len(frames.messages()) == 1


@pytest.mark.parametrize(
    ("limit", "burst", "per_s", "most"),
    [(Rate(count=10, per_s=60.0), 5, 10 / 60, 5.0), (None, None, 0.0, 0.0)],
)
def test_an_attempt_of_a_key_goes_to_the_lane_that_counts_with_its_rate(
    limit: Rate | None, burst: int | None, per_s: float, most: float
) -> None:
    frames = Frames(START_US, 8)
    plan = TaskPlan(name="t", rate=KeyRate(key="acme", limit=limit, burst=burst))
    sent = Dispatch("a", 1, plan, b"{}", Timeouts(), 0, 0, rate_key="acme")

    frames.add(slot_of(Story(graph(task("a")))), [sent])

    [message] = frames.messages()
    [record] = unpack_dispatch(message.data).records
    assert message.subject == subjects.dispatch(CHARGED_LANE)
    assert record.rate == RateRecord("acme", per_s, most)


def test_numbers_that_the_log_would_write_otherwise_are_written_as_it_gives_them_back() -> None:
    told = DecidedRecord(RUN_ID, "a", 1, output=b"[1e22]", items=[b"1e22", b"1"])
    plain = DecidedRecord(RUN_ID, "b", 1, output=b"[1]", items=[b"2"])
    data = pack(DecidedFrame([told, plain]))

    items = read_decided(Message(b"stretto.decided.0", b"", b"", data, cast(Any, None), 0))

    number = b"10000000000000000000000.0"
    records = [
        item.command.record
        for item in items
        if isinstance(item, Addressed) and isinstance(item.command, Decided)
    ]
    assert [(each.output, each.items) for each in records] == [
        (b"[%b]" % number, [number, b"1"]),
        (b"[1]", [b"2"]),
    ]


def test_a_question_whose_values_grew_too_large_fails_its_step() -> None:
    story = Story(graph(task("a", ask=ASK)))
    frames = Frames(START_US, 1)
    ask = story.last(Ask)
    assert isinstance(ask, Ask)

    frames.add_with(slot_of(story), ask, [b'"%b"' % (b"x" * outgoing.MAX_ASK_BYTES)])

    [answer] = frames.too_large
    assert answer.command.record.error.type == "TooLarge"  # type: ignore[union-attr]


class Stores:
    """A publisher whose publications are stored, or not, when it is told."""

    def __init__(self) -> None:
        self.sent: list[asyncio.Future[Any]] = []

    async def send(self, *_: object, **__: object) -> asyncio.Future[Any]:
        self.sent.append(asyncio.get_running_loop().create_future())
        return self.sent[-1]


def sender_of(publisher: object) -> Sender:
    return Sender(cast(Any, publisher), cast(Any, None), FakeClock(), 4)


async def test_a_publication_that_fails_later_is_made_again() -> None:
    publisher = Stores()
    sender = sender_of(publisher)
    child = Story(graph(task("a"))).complete("a")
    child.run.parent = f"{run_id_text(RUN_ID)}:do:1"
    await sender.told_parent(slot_of(child))

    publisher.sent[0].set_exception(AWAY)
    await asyncio.sleep(0)

    assert sender.must_resend.is_set() and sender.untold
    await sender.told_parent(slot_of(Story(graph(task("a"))).complete("a")))
    assert len(publisher.sent) == 1, "who has no parent has nobody to tell"


async def test_many_changed_runs_are_told_to_monitoring_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "MAX_LOG_WAITING", 0)
    sender = sender_of(None)
    told: list[int] = []

    async def tell() -> None:
        told.append(len(sender._log))

    sender._tell_log = tell  # type: ignore[method-assign]
    sender._publisher = cast(Any, None)
    touched = Touched(slot_of(Story(graph(task("a")))))
    touched.written = [Written.of_log(each) for each in events_of(Story(graph(task("a"))))]

    with pytest.raises(AttributeError):  # there is no bus behind it
        await sender.told([touched], START_US)

    assert told == [1]


# --- what is told, swept, read


async def test_only_the_causes_that_wait_for_a_place_are_told_with_who_has_it() -> None:
    story = Story(graph(task("a"), task("b")))
    story.run.nodes["a"].place = Place("k", 1, "queue", START_US)
    story.run.places = {"a": story.run.nodes["a"].place}
    pending = list(causes(story.run))

    api = cast(Api, SimpleNamespace(_claims=None))

    assert await Api._pending_places(api, slot_of(story), pending) == pending


async def test_a_sweep_names_so_many_runs_without_a_cause_and_counts_them_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweeping, "MAX_REPORTED", 1)
    metrics = Metrics()
    slots = {name: slot_of(Story(graph(task("a")))) for name in (b"1", b"2")}
    for slot in slots.values():
        slot.run.open.clear()
    sweep = Sweep(
        cast(Any, SimpleNamespace(loader=SimpleNamespace(slots=slots))),
        cast(Any, None),
        FakeClock(),
        metrics,
    )
    named: list[Slot] = []

    async def report(slot: Slot, _now_us: int) -> None:
        named.append(slot)

    sweep._report = report  # type: ignore[method-assign]

    assert await sweep.sweep() == 0
    assert len(named) == 1
    assert sweep._causeless.value == 2


async def test_a_page_of_the_log_is_read_in_pieces_and_ends_with_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_module, "READ_EVENTS_AT_ONCE", 2)
    row = (RUN_ID, 0, "default", "wf", 1, None, "running", START_US, None, False)
    log = [(*row, seq, "run.started", START_US, b"{}") for seq in (1, 2, 3)]
    asked: list[tuple[object, ...]] = []

    class Rows:
        async def fetch(self, _query: str, *arguments: Any) -> list[tuple[object, ...]]:
            asked.append(arguments)
            return [r for r in log if r[10] > arguments[1]][: arguments[2]]

    store = Store(cast(Any, Rows()))

    found = await store.page((RUN_ID, 0), 10, 1_000)
    one = await store.page((RUN_ID, 0), 2, 1_000)

    assert [event.seq for _, event in found] == [1, 2, 3]
    assert [arguments[1] for arguments in asked] == [0, 2, 0]
    assert [event.seq for _, event in one] == [1, 2], "no more than was asked for"


def test_the_round_of_a_loop_is_shown_with_what_is_inside_it() -> None:
    body = graph(task("x")).root
    loop = StepPlan(name="l", kind="repeat", body=body, repeat=Repeat(until=ASK))

    shown = [step["step"] for step in steps(Story(graph(loop)).run)]

    assert shown == ["l", "l[0]", "l[0].x"]


@pytest.mark.parametrize(
    ("plan", "overdue_s"),
    [
        (task("a"), sweeping.ATTEMPT_OVERDUE_S),
        (task("a", ask=ASK), sweeping.ASK_OVERDUE_S),
    ],
)
async def test_what_should_have_come_is_asked_for_again_and_then_waited_for_as_long(
    monkeypatch: pytest.MonkeyPatch, plan: StepPlan, overdue_s: float
) -> None:
    monkeypatch.setattr(sweeping, "SWEEP_SLICE", 1)
    slot = slot_of(Story(graph(plan)))
    again: list[list[Slot]] = []

    async def resend(slots: list[Slot]) -> None:
        again.append(slots)

    engine = SimpleNamespace(loader=SimpleNamespace(slots={RUN_ID: slot}), resend=resend)
    clock = SimpleNamespace(now_us=lambda: now_us)
    sweep = Sweep(cast(Any, engine), cast(Any, None), cast(Any, clock), Metrics())
    swept = []
    for waited_s in (overdue_s, overdue_s + 0.1, overdue_s + 0.2, 2 * overdue_s + 0.3):
        now_us = START_US + int(waited_s * 1e6)
        swept.append(await sweep.sweep())

    assert swept == [0, 1, 0, 1]
    assert again == [[slot], [slot]]


def test_an_ask_of_before_the_clock_was_set_back_is_asked_again_and_then_waited_for() -> None:
    slot = slot_of(Story(graph(task("a", ask=ASK))))
    now_us = START_US - 3_600_000_000
    assert sweeping.is_overdue(slot, now_us)
    slot.swept_us = now_us
    assert not sweeping.is_overdue(slot, now_us + 1)
    assert sweeping.is_overdue(slot, now_us + int(sweeping.ASK_OVERDUE_S * 1e6) + 1)


def test_a_run_that_makes_room_or_works_out_its_output_is_overdue_after_a_time() -> None:
    waits = slot_of(Story(graph(task("a"), output=ASK)).complete("a"))
    assert not sweeping.is_overdue(waits, START_US + 1)
    assert sweeping.is_overdue(waits, START_US + int(sweeping.ASK_OVERDUE_S * 1e6) + 1)
