"""The core: what a fork takes over of the run that it begins from."""

import msgspec
import pytest

from services.workflow.core import Run, apply, decide
from services.workflow.core import commands as cm
from services.workflow.core.forking import taken_from
from stretto.contracts import events as ev
from stretto.contracts.codec import decode_event, json_encode
from stretto.contracts.graph import CancelPlan, SignalPlan
from stretto.contracts.public import ControlRequest
from tests.unit.workflow.builders import (
    ASK,
    START_US,
    Case,
    ForEach,
    Graph,
    StepPlan,
    Story,
    graph,
    task,
    undoable,
)  # fmt: skip


class Fork(Story):
    """A run that begins with what another one had."""

    def __init__(
        self,
        source: Story,
        plan: Graph | None = None,
        again: str | None = None,
        skipped: tuple[str, ...] = (),
        signals: dict[str, list[msgspec.Raw]] | None = None,
    ) -> None:
        plan = plan or source.graph
        event = ev.RunForked(
            from_run="r",
            from_version=1,
            at_seq=source.run.seq,
            taken=taken_from(source.run, plan, skipped, again),
            signals=signals or {},
        )
        self.event = decode_event(event.type, json_encode(event))
        self.graph = plan
        self.run = Run(b"f" * 16, plan)
        self.now_us = START_US
        self.log, self.effects, self.rejections = [], [], []
        assert isinstance(self.event, ev.RunForked)
        self.give(cm.Start(namespace="default", input=b"{}", fork=self.event))


def test_what_had_completed_is_not_run_again() -> None:
    source = Story(graph(undoable("a"), task("b", needs=(0,)), task("c", needs=(1,))))
    source.complete("a", b'{"n":1}')
    fork = Fork(source)
    assert fork.out() == ["b"]
    assert fork.run.nodes["a"].output == b'{"n":1}'
    fork.complete("b").complete("c")
    assert fork.run.phase.word == "completed"
    assert fork.run.undo == []


def test_what_the_other_run_did_is_not_undone() -> None:
    plan = graph(undoable("a"), undoable("b", needs=(0,)), task("c", needs=(1,)),
                 on_failure="compensate")  # fmt: skip
    fork = Fork(Story(plan).complete("a")).complete("b").fail("c")
    assert [p for p in fork.out() if p.endswith("~compensate")] == ["b~compensate"]


def test_what_had_been_undone_is_run_again_with_all_that_needed_it() -> None:
    plan = graph(undoable("a"), task("b", needs=(0,)), undoable("c"), task("boom", needs=(1, 2)),
                 on_failure="compensate")  # fmt: skip
    source = Story(plan).complete("a").complete("b").complete("c").fail("boom")
    early = Fork(source)
    assert sorted(early.out()) == ["a", "c"]
    source.complete("a~compensate").complete("c~compensate")
    fork = Fork(source)
    assert sorted(fork.out()) == ["a", "c"]
    assert fork.run.phase.word == "running"


def test_a_step_may_be_run_again_with_all_that_needs_it() -> None:
    plan = graph(task("a"), task("b", needs=(0,)), task("c", needs=(1,)), task("d", needs=(0,)))
    source = Story(plan).complete("a").complete("b").complete("c").complete("d")
    fork = Fork(source, again="b")
    assert fork.out() == ["b"]
    fork.complete("b").complete("c")
    assert fork.run.phase.word == "completed"
    with pytest.raises(KeyError):
        Fork(source, again="x")


def test_what_was_under_way_or_failed_is_run_again() -> None:
    fan = task("f", for_each=ForEach(ask=ASK))
    source = Story(graph(fan, task("g"), task("h"))).decided("f", items=[b"1", b"2"])
    source.complete("f[0]").complete("h").fail("g")
    fork = Fork(source)
    assert sorted(fork.run.open) == ["f", "g"]
    assert fork.run.nodes["h"].status.word == "completed"


def test_a_for_each_that_had_completed_keeps_its_list() -> None:
    fan = task("f", for_each=ForEach(ask=ASK))
    source = Story(graph(fan, task("g", needs=(0,)))).decided("f", items=[b"1"])
    source.complete("f[0]", b"7")
    assert Fork(source).run.nodes["f"].output == b"[7]"


def test_a_switch_keeps_its_choice() -> None:
    cases = (Case(then=(1,)), Case(then=(2,)))
    switch = StepPlan(name="s", kind="switch", ask=ASK, cases=cases)
    plan = graph(switch, task("a", needs=(0,)), task("b", needs=(0,)))
    fork = Fork(Story(plan).decided("s", branch=1))
    assert fork.out() == ["b"]
    assert fork.run.nodes["a"].status.word == "skipped"


def test_what_a_person_skipped_stays_skipped() -> None:
    plan = graph(task("a"), task("b", needs=(0,)), task("c"))
    source = Story(plan)
    source.give(cm.Control(request=ControlRequest(command="skip", step="a")))
    fork = Fork(source, skipped=("a",))
    assert sorted(fork.out()) == ["b", "c"]
    assert fork.run.nodes["a"].status.word == "skipped"


def test_steps_that_a_step_had_cancelled_stay_so() -> None:
    stop = StepPlan(name="stop", kind="cancel", cancel=CancelPlan(steps=(1,)), needs=(0,))
    plan = graph(task("a"), task("b"), stop)
    source = Story(plan).complete("a")
    assert source.run.nodes["b"].status.word == "cancelled"
    fork = Fork(source)
    assert fork.run.nodes["b"].status.word == "cancelled"
    assert fork.run.phase is source.run.phase


def test_signals_that_nobody_had_taken_are_there() -> None:
    listen = StepPlan(name="w", kind="signal", signal=SignalPlan(name="go"), needs=(0,))
    source = Story(graph(task("a"), listen))
    source.give(cm.Control(request=ControlRequest(command="signal", name="go")))
    fork = Fork(source, signals={"go": [msgspec.Raw(b"5")]}).complete("a")
    assert fork.run.phase.word == "completed"
    assert fork.run.nodes["w"].output == b"5"


def test_steps_that_another_version_does_not_have_are_left() -> None:
    source = Story(graph(task("a"), task("b", needs=(0,)))).complete("a").complete("b")
    fork = Fork(source, plan=graph(task("b"), task("c", needs=(0,))))
    assert fork.out() == ["c"]


def test_a_fork_of_a_run_that_was_complete_is_complete() -> None:
    source = Story(graph(task("a"), output_value=b"3")).complete("a")
    fork = Fork(source)
    assert (fork.run.phase.word, fork.run.output) == ("completed", b"3")
    run = Run(fork.run.id, fork.graph)
    for seq, at_us, event in fork.log:
        apply(run, event, seq, at_us)
    assert run.phase is fork.run.phase
    assert not isinstance(decide(Run(b"g" * 16, fork.graph), cm.Start(namespace="d", input=b"{}"),
                                 START_US), cm.Rejection)  # fmt: skip
