"""Rings of claims: who is told, what gives way, and what is no ring."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, cast

import msgspec
import pytest

from services.workflow import rings as rings_module
from services.workflow.core import CONTINUE, Run, apply, decide
from services.workflow.core import commands as cm
from services.workflow.core.nodes import Place
from services.workflow.core.rings import Waiting
from services.workflow.core.statuses import NodeStatus
from services.workflow.rings import DEADLOCK, MAX_RUNS, Rings, _blocked
from services.workflow.slots import Slot, new_row
from stretto.bus.publisher import Outgoing
from stretto.contracts import subjects
from stretto.contracts.graph import ChildPlan, Graph, StepPlan
from stretto.contracts.ids import partition_of, uuid7
from stretto.contracts.public import Alert, ControlRequest, Results
from stretto.testkit.clock import FakeClock

from .builders import ASK, START_US, graph, task

KEY = "all"
CHILD_STEP = StepPlan(name="c", kind="workflow", child=ChildPlan(workflow="wf"))


def slot_of(
    plan: Graph, number: int = 0, *, run_id: bytes | None = None, parent: str | None = None,
    waits: bool = False,
) -> Slot:  # fmt: skip
    """A run that has begun, or waits for a place."""
    run = Run(run_id or uuid7(1_700_000_000_000 + number, b"ring"), plan)
    standing = cm.Standing(line="wf", key=KEY, limit=1, admitted=not waits)
    commands: list[cm.Command] = [
        cm.Start(namespace="default", input=b"{}", parent=parent, standing=standing),
        CONTINUE,
    ]
    for command in commands:
        events = decide(run, command, START_US)
        assert isinstance(events, list)
        for event in events:
            apply(run, event, run.seq + 1, START_US)
    return Slot(run, new_row(run.id, "default", "wf", 1, START_US), 4, stored=True)


def family(number: int = 0) -> tuple[Slot, Slot]:
    """A run that has the place, and its child, which waits for it."""
    parent = slot_of(graph(CHILD_STEP), number)
    child_id = parent.run.nodes["c"].child_run
    assert child_id is not None
    of = f"{parent.text}:c:1"
    return parent, slot_of(graph(task("a")), run_id=child_id, parent=of, waits=True)


class World:
    """A log, a database of claims, and whoever is told."""

    def __init__(self, *slots: Slot) -> None:
        self.slots = {slot.run.id: slot for slot in slots}
        self.claims: list[tuple[bytes, str, str, int, list[bytes], list[str]]] = []
        self.alerts: list[Alert] = []
        self.published: list[Outgoing] = []
        self.read: list[int] = []
        self.rings = Rings(
            cast(Any, self),
            cast(Any, self),
            sender=cast(Any, self),
            publisher=cast(Any, self),
            clock=FakeClock(),
            partitions=4,
            looks=lambda: True,
        )
        self.rings._store = cast(Any, self)

    def waits(self, claim: Waiting, *holders: bytes, step: str = "", since_us: int = 1) -> None:
        """A claim waits for runs, or for the `step` of each, that have the places."""
        steps = [step for _ in holders]
        self.claims.append((claim.run_id, claim.step, KEY, since_us, list(holders), steps))

    async def fetch(self, *_: object) -> Sequence[object]:
        return self.claims

    async def runs(self, run_ids: Sequence[bytes]) -> Sequence[bytes]:
        self.read.append(len(run_ids))
        return run_ids

    async def folded(self, rows: Iterable[bytes]) -> AsyncIterator[tuple[Slot, object]]:
        for run_id in rows:
            if run_id in self.slots:
                yield self.slots[run_id], []

    async def alert(self, _namespace: str, alert: Alert, _msg_id: str) -> None:
        self.alerts.append(alert)

    async def publish_many(self, messages: list[Outgoing]) -> None:
        self.published += messages

    def commands(self) -> list[tuple[str, str]]:
        """The controls that were sent: subject and command."""
        return [
            (each.subject, msgspec.json.decode(each.data, type=ControlRequest).command)
            for each in self.published
            if each.subject.startswith("stretto.control.")
        ]


def cancelled(slot: Slot) -> tuple[str, str]:
    return subjects.control("default", slot.text), "cancel"


async def test_nothing_is_read_while_nobody_waits() -> None:
    world = World()
    assert await world.rings.look() == 0
    assert world.read == []


async def test_a_child_that_waits_for_its_parent_is_cancelled_and_its_step_fails() -> None:
    parent, child = family()
    world = World(parent, child)
    world.waits(Waiting(child.run.id, ""), parent.run.id)

    assert await world.rings.look() == 1

    [alert] = world.alerts
    assert (alert.code, alert.run_id) == ("deadlock", child.text)
    assert f"run {child.text} waits for a place of key 'all'" in alert.message
    result, control = world.published
    partition = partition_of(parent.run.id, 4)
    assert result.subject == subjects.results(partition)
    [failed] = msgspec.json.decode(result.data, type=Results).results
    assert failed.id == f"{parent.text}:c:1" and failed.failure is not None
    assert (failed.failure.type, failed.failure.retryable) == (DEADLOCK, False)
    assert world.commands() == [cancelled(child)]
    assert control.msg_id == f"{child.text}:deadlock"


async def test_steps_that_wait_for_one_another_have_no_parent_and_the_youngest_is_cancelled() -> (
    None
):
    first, second = (slot_of(graph(task("a")), number) for number in (1, 2))
    for slot in (first, second):
        node = slot.run.nodes["a"]
        node.place = Place(KEY, 1, "queue", START_US)
        node.status = NodeStatus.QUEUED
    world = World(first, second)
    world.waits(Waiting(first.run.id, "a"), second.run.id, since_us=5)
    world.waits(Waiting(second.run.id, "a"), first.run.id, since_us=9)

    assert await world.rings.look() == 1

    assert world.commands() == [cancelled(second)]
    assert len(world.published) == 1, "no parent has to hear of it"


def at_a_key(slot: Slot, path: str, *, held: bool) -> None:
    """A step has a place of the key, or waits for one."""
    node = slot.run.open[path] = slot.run.node(path)
    node.place = Place(KEY, 1, "queue", START_US)
    node.place.held = held
    if not held:
        node.status = NodeStatus.QUEUED


async def test_a_step_that_has_the_place_of_its_child_is_found_whatever_is_beside_it() -> None:
    parent = slot_of(graph(CHILD_STEP, task("next"), task("asked", ask=ASK)))
    child_id = parent.run.nodes["c"].child_run
    assert child_id is not None
    child = slot_of(graph(task("a")), run_id=child_id, parent=f"{parent.text}:c:1", waits=True)
    at_a_key(parent, "c", held=True)
    at_a_key(parent, "next", held=False)
    world = World(parent, child)
    world.waits(Waiting(parent.run.id, "next"), parent.run.id, step="c")
    world.waits(Waiting(child.run.id, ""), parent.run.id, step="c")

    assert await world.rings.look() == 1

    assert world.commands() == [cancelled(child)]
    [alert] = world.alerts
    assert f"which step 'c' of run {parent.text} has, and that waits for its child" in alert.message


async def test_between_one_item_and_the_next_nobody_is_in_a_ring() -> None:
    slot = slot_of(graph(task("first"), task("second"), task("third")))
    for path in ("second", "third"):
        at_a_key(slot, path, held=False)
    del slot.run.open["first"]
    world = World(slot)
    for path in ("second", "third"):
        world.waits(Waiting(slot.run.id, path), slot.run.id, step="first")

    assert await world.rings.look() == 0
    at_a_key(slot, "second", held=True)
    slot.run.nodes["second"].status = NodeStatus.QUEUED
    world.waits(Waiting(slot.run.id, "third"), slot.run.id)
    assert await world.rings.look() == 0, "it has its place, and begins"


@pytest.mark.parametrize("most", [1, 10])
async def test_several_rings_are_broken_in_one_look_but_only_so_many(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(rings_module, "MAX_BROKEN", most)
    families = [family(number) for number in (1, 2)]
    world = World(*(slot for pair in families for slot in pair))
    for parent, child in families:
        world.waits(Waiting(child.run.id, ""), parent.run.id)

    assert await world.rings.look() == min(most, 2)

    assert set(world.commands()) <= {cancelled(child) for _, child in families}


async def test_who_does_something_else_is_in_no_ring() -> None:
    busy, other = slot_of(graph(task("a")), 1), slot_of(graph(task("a")), 2, waits=True)
    world = World(busy, other)
    world.waits(Waiting(other.run.id, ""), busy.run.id)

    assert await world.rings.look() == 0
    assert world.published == []


async def test_no_more_runs_are_read_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rings_module, "MAX_RUNS", 1)
    parent, child = family()
    world = World(parent, child)
    world.waits(Waiting(child.run.id, ""), parent.run.id)
    assert MAX_RUNS > 1

    assert await world.rings.look() == 0

    assert world.read == [1], "the child is not read any more"


def test_what_a_run_waits_for_is_told_where_it_is_children_and_claims_alone() -> None:
    parent, child = family()
    asked = slot_of(graph(task("a", ask=ASK)))

    waits = _blocked(parent)
    assert waits is not None and (waits.children, waits.claims) == ((child.run.id,), ())
    assert _blocked(asked) is None, "the decision service will answer"
    parent.run.paused = True
    assert _blocked(parent) is None
