"""`for_each: {devices}` and `rollout`: what is read, what becomes of it, what is refused."""

import msgspec
import pytest

from stretto.contracts.asks import AskPlan
from stretto.contracts.graph import Amount, Halt, Rate, RolloutPlan, StepPlan
from stretto.contracts.routes import RoutePlan
from stretto.definition import compile_graph, json_schema, load

WORKFLOW = """
workflow: w
steps:
  a:
    for_each: {each}
    task: t
    {more}
"""


def step_of(each: str = "[1, 2]", more: str = "labels: {}") -> StepPlan:
    loaded = load(WORKFLOW.format(each=each, more=more))
    assert loaded.definition is not None, loaded.mistakes
    return compile_graph(loaded.definition, 1).root.steps[0]


def rollout_of(text: str, more: str = "") -> RolloutPlan:
    plan = step_of(more=f"rollout: {text}\n    {more}")
    assert plan.for_each is not None and plan.for_each.rollout is not None
    return plan.for_each.rollout


def mistakes(each: str = "[1, 2]", more: str = "labels: {}") -> str:
    loaded = load(WORKFLOW.format(each=each, more=more))
    assert loaded.definition is None
    return "\n".join(str(mistake) for mistake in loaded.mistakes)


def route_of(plan: StepPlan) -> RoutePlan | None:
    assert plan.task is not None
    if plan.task.route is None:
        return None
    return msgspec.json.decode(plan.task.route.plan, type=RoutePlan)


def test_devices_are_asked_for_with_the_task_and_each_does_its_own() -> None:
    plan = step_of('{devices: "${{ device.slots > 1 }}", at_least: 2}')
    assert plan.for_each is not None and plan.for_each.devices
    asked = msgspec.json.decode(plan.for_each.ask.plan, type=AskPlan)
    assert asked.devices is not None and asked.items is None
    assert (asked.devices.where, asked.devices.task, asked.devices.at_least) == (
        "device.slots > 1", "t", 2
    )  # fmt: skip
    assert asked.paths == (("run",),)
    route = route_of(plan)
    assert route is not None and route.where == "device.name == item.name"
    assert route.paths == (("item",),)


def test_true_is_everybody_and_a_route_of_ones_own_stays() -> None:
    plan = step_of("{devices: true}", "route: {otherwise: [{wait: 1h}]}")
    assert plan.for_each is not None
    asked = msgspec.json.decode(plan.for_each.ask.plan, type=AskPlan)
    assert asked.devices is not None and asked.devices.where is None
    route = route_of(plan)
    assert route is not None and route.where == "device.name == item.name"
    assert route.otherwise[0].wait_s == 3600
    other = step_of("{devices: true}", "route: {where: \"${{ device.name == 'x' }}\"}")
    route = route_of(other)
    assert route is not None and "'x'" in (route.where or "")
    assert route_of(step_of()) is None


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("{waves: [100%]}", RolloutPlan(waves=(Amount(share=1.0),))),
        (
            "{waves: [1, 10%, 100%], abort: 5}",
            RolloutPlan(
                waves=(Amount(count=1), Amount(share=0.1), Amount(share=1.0)),
                success=0.0,
                abort=Amount(count=5),
            ),
        ),
        (
            "{waves: [100%], success: 95%, abort: 10%, pause_after: 5m, rate: 20/m}",
            RolloutPlan(
                waves=(Amount(share=1.0),),
                success=0.95,
                abort=Amount(share=0.1),
                halt=Halt(for_s=300.0),
                rate=Rate(count=20, per_s=60.0),
            ),
        ),
        (
            "{waves: [100%], pause_after: {signal: go}, rate: 5/10s}",
            RolloutPlan(
                waves=(Amount(share=1.0),),
                halt=Halt(signal="go"),
                rate=Rate(count=5, per_s=10.0),
            ),
        ),
        (
            "{waves: [100%], pause_after: {by: [ops]}}",
            RolloutPlan(waves=(Amount(share=1.0),), halt=Halt(by=("ops",))),
        ),
        (
            "{waves: [100%], pause_after: {for: 1h}}",
            RolloutPlan(waves=(Amount(share=1.0),), halt=Halt(for_s=3600.0)),
        ),
    ],
)
def test_a_rollout_is_read(text: str, plan: RolloutPlan) -> None:
    assert rollout_of(text) == plan


def test_a_join_beside_a_rollout_makes_it_a_quorum() -> None:
    assert rollout_of("{waves: [100%]}", "join: {at_least: 2}").quorum
    assert not rollout_of("{waves: [100%]}").quorum


@pytest.mark.parametrize(
    ("each", "more", "says"),
    [
        ("{devices: 5}", "", "expected a condition"),
        ("{device: true}", "", "a.for_each"),
        ("{devices: true, at_least: 0}", "", "from 1"),
        ('{devices: "${{ device.nmae == 1 }}"}', "", "nmae"),
        ('{devices: "${{ item.name == 1 }}"}', "", "item is known only"),
        ("{devices: true}", 'with: {x: "${{ item.busy }}"}', "busy"),
        ("[1]", "rollout: {}", "waves"),
        ("[1]", "rollout: {waves: []}", "the last wave to be 100%"),
        ("[1]", "rollout: {waves: [1, 2]}", "the last wave to be 100%"),
        ("[1]", "rollout: {waves: [2, 1, 100%]}", "more than the one before"),
        ("[1]", "rollout: {waves: [20%, 10%, 100%]}", "more than the one before"),
        ("[1]", "rollout: {waves: [0, 100%]}", "a count of 1 to 10000, or a share like 10%"),
        ("[1]", "rollout: {waves: [100%], success: 3}", "a share like 95%"),
        ("[1]", "rollout: {waves: [100%], success: 101%}", "a share like 95%"),
        ("[1]", "rollout: {waves: [100%], abort: 0%}", "a count of 1 to 10000"),
        ("[1]", "rollout: {waves: [100%], rate: fast}", "a rate like 20/m"),
        ("[1]", "rollout: {waves: [100%], rate: 0/m}", "a rate like 20/m"),
        ("[1]", "rollout: {waves: [100%], pause_after: {}}", "one of for, signal or by"),
        ("[1]", "rollout: {waves: [100%], pause_after: {for: 1s, signal: x}}", "but got 2"),
    ],
)
def test_what_is_wrong_is_said(each: str, more: str, says: str) -> None:
    assert says in mistakes(each, more or "labels: {}")


def test_a_rollout_needs_a_for_each() -> None:
    loaded = load("workflow: w\nsteps: {a: {task: t, rollout: {waves: [100%]}}}")
    assert 'expected "rollout" in a step with for_each' in str(loaded.mistakes[0])


def test_an_editor_knows_both() -> None:
    text = msgspec.json.encode(json_schema()).decode()
    assert "pause_after" in text and "at_least" in text
