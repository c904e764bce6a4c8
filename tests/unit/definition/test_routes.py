"""`route`: what is written, what is made of it, what is wrong with it."""

from typing import Any

import msgspec
import pytest

from stretto.contracts.routes import RoutePlan
from stretto.definition import check, compile_graph, load
from stretto.definition import routes as routes_module

HEAD = "workflow: w\nsteps:\n  a:\n    task: t\n    route:\n"


def route(text: str, head: str = HEAD) -> RoutePlan:
    loaded = load(head + "".join(f"      {line}\n" for line in text.splitlines()))
    assert loaded.definition is not None, loaded.mistakes
    task = compile_graph(loaded.definition, 3).root.steps[0].task
    assert task is not None and task.route is not None
    return msgspec.json.decode(task.route.plan, type=RoutePlan)


def test_a_route_takes_its_conditions_and_values_along() -> None:
    plan = route("where: ${{ device.attributes.site == input.site }}")
    assert (plan.workflow, plan.step, plan.where) == (
        "w", "a", "device.attributes.site == input.site",
    )  # fmt: skip
    assert plan.paths == (("input",),)
    assert plan.strategy == "least_loaded"


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("prefer: round_robin", {"strategy": "round_robin"}),
        ("prefer: sticky(input.customer)", {"strategy": "sticky", "by": "input.customer"}),
        (
            "prefer: {sticky: '${{ input.customer }}'}",
            {"strategy": "sticky", "by": "input.customer"},
        ),
        (
            "prefer: {weighted: device.attributes.power}",
            {"strategy": "weighted", "by": "device.attributes.power"},
        ),
        ("prefer: learned", {"strategy": "learned", "scorer": None}),
        ("prefer: learned(onnx)", {"strategy": "learned", "scorer": "onnx"}),
        ("prefer: [{if: true, weight: 1}, {learned: onnx}]", {"scorer": "onnx"}),
    ],
)  # fmt: skip
def test_strategies_are_written_in_several_ways(text: str, fields: dict[str, Any]) -> None:
    plan = route(text)
    assert {name: getattr(plan, name) for name in fields} == fields


def test_preferences_come_with_a_strategy_at_their_end() -> None:
    plan = route(
        "prefer:\n- {if: device.labels.zone == 'a', weight: 5}\n- {if: true, weight: -1}\n- fastest"
    )
    assert [(p.condition, p.weight) for p in plan.prefer] == [
        ("device.labels.zone == 'a'", 5.0), ("true", -1.0),
    ]  # fmt: skip
    assert plan.strategy == "fastest"
    assert route("prefer: [{if: true, weight: 1}]").strategy == "least_loaded"


def test_ways_out_keep_their_order() -> None:
    plan = route("otherwise: [{wait: 5m}, {queue: manual}, {fail: nobody}]")
    assert [(o.wait_s, o.queue, o.fail) for o in plan.otherwise] == [
        (300.0, None, None), (None, "manual", None), (None, None, "nobody"),
    ]  # fmt: skip


def test_a_compensation_has_a_route_of_its_own() -> None:
    text = (
        "workflow: w\nsteps:\n  a:\n    task: t\n    compensate:\n      task: u\n"
        "      with: {n: '${{ steps.a.output.n }}'}\n"
        "      route: {where: device.name == steps.a.output.where}\n"
    )
    loaded = load(text)
    assert loaded.definition is not None, loaded.mistakes
    undo = compile_graph(loaded.definition, 1).root.steps[0].compensate
    assert undo is not None and undo.task.route is not None
    assert [ref.root for ref in undo.task.route.refs] == ["output"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("where: ${{ devices.x }}", "expected a declared name"),
        ("where: ${{ device.capabilites.size() == 1 }}", "capabilities"),
        ("where: 5", "a condition like"),
        ("where: device.name", "expected a bool"),
        ("prefer: least_load", 'did you mean "least_loaded"?'),
        ("prefer: weighted", "write {weighted: an expression}"),
        ("prefer: 5", "a strategy like"),
        ("prefer: {fastest: 1}", "expected sticky or weighted"),
        ("prefer: {sticky: ''}", "expected"),
        ("prefer: learned(1)", "expected the name of a scorer"),
        ("prefer: learned()", "expected the name of a scorer"),
        ("prefer: {learned: 'a b'}", "expected the name of a scorer"),
        ("prefer: {sticky: input.a, weighted: input.b}", "expected sticky or weighted"),
        ("prefer: [least_loaded, {if: true, weight: 1}]", "the strategy at the end"),
        ("prefer: [{if: true}]", "weight"),
        ("prefer: [{if: true, weight: many}]", "a number of points"),
        ("prefer: [{if: true, weight: 1e12}]", "expected points of"),
        ("prefer: [" + "{if: true, weight: 1}, " * 21 + "]", "at most 20 preferences"),
        ("prefer: [{if: '1 +', weight: 1}]", "expected"),
        ("otherwise: [{wait: 5m, queue: x}]", "one of wait, queue or fail, but got 2"),
        ("otherwise: [{}]", "one of wait, queue or fail, but got 0"),
        ("otherwise: [{queue: Not A Name}]", "the name of a queue"),
        ("wher: true", 'did you mean "where"?'),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    mistakes = [str(m) for m in check(HEAD + f"      {text}\n")]
    assert mistakes, text
    assert any(said in mistake for mistake in mistakes), mistakes


def test_a_scorer_that_is_not_installed_here_is_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(routes_module, "scorer_names", lambda: ("onnx",))
    loaded = load(HEAD + "      prefer: learned(onx)\n")
    [warning] = loaded.warnings
    assert loaded.definition is not None
    assert warning.code == "unknown_scorer"
    assert 'no scorer "onx" is installed here (there are: onnx)' in warning.reason
    assert warning.suggestion == 'did you mean "onnx"?'
    assert not load(HEAD + "      prefer: learned(onnx)\n").warnings


def test_device_is_known_in_routes_alone() -> None:
    [mistake] = check("workflow: w\nsteps:\n  a: {task: t, with: {n: '${{ device.name }}'}}\n")
    assert "device is known only in a route" in str(mistake)
