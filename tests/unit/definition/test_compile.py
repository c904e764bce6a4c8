"""What a definition becomes: the graph, its asks and what their values are."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stretto.contracts.asks import Ask, AskPlan, Ref
from stretto.contracts.codec import decode_ask_plan, decode_graph, json_encode
from stretto.contracts.graph import Case, Graph, Join, Retry, StepPlan, Timeouts
from stretto.definition import canonical, compile_graph, content_hash, load

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "definition"


def graph_of(text: str, version: int = 1) -> Graph:
    loaded = load(text)
    assert loaded.definition is not None, [str(mistake) for mistake in loaded.mistakes]
    return compile_graph(loaded.definition, version)


def step_of(body: str, name: str = "a") -> StepPlan:
    graph = graph_of("workflow: w\nsteps:\n" + body)
    return next(step for step in graph.root.steps if step.name == name)


def plan_of(ask: Ask | None) -> AskPlan:
    assert ask is not None
    plan = decode_ask_plan(ask.plan)
    assert len(plan.paths) == len(ask.refs)
    return plan


def readable(value: Any) -> Any:
    """A graph as JSON in which plans and constants, which are bytes, are JSON too."""
    if isinstance(value, Graph):
        return readable(msgspec.json.decode(json_encode(value)))
    if isinstance(value, list):
        return [readable(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: json.loads(b64decode(item))
        if key in ("plan", "input", "value", "output_value")
        else readable(item)
        for key, item in value.items()
    }


def test_an_order_compiles_to_the_committed_graph() -> None:
    graph = graph_of((GOLDEN / "order.yaml").read_text(), version=3)

    assert readable(graph) == json.loads((GOLDEN / "order.graph.json").read_text())


def test_a_graph_survives_the_log() -> None:
    graph = graph_of((GOLDEN / "order.yaml").read_text())

    assert decode_graph(json_encode(graph)) == graph


def test_needs_come_from_names_expressions_and_switches() -> None:
    graph = graph_of("""
workflow: w
steps:
  a: {task: t}
  b: {task: t, with: {x: "${{ steps.a.output.y }}"}}
  c: {task: t, if: "${{ steps.b.status == 'completed' }}"}
  d: {task: t, for_each: "${{ steps.a.output.l }}", with: {x: "${{ steps.c.output }}"}}
  e: {switch: [{if: "${{ steps.d.output.size() > 0 }}", then: f}]}
  f: {set: {x: 1}, compensate: {task: u, with: {y: "${{ steps.b.output }}"}}}
  g: {wait: {for: "${{ steps.f.output.x }}"}, needs: a}
  h: {fail: "${{ steps.g.failure.message }}"}
""")

    needs = {step.name: step.needs for step in graph.root.steps}
    assert needs == {
        "a": (), "b": (0,), "c": (1,), "d": (0, 2), "e": (3,), "f": (1, 4), "g": (0, 5), "h": (6,),
    }  # fmt: skip
    assert graph.root.steps[0].dependents == (1, 3, 6)
    assert graph.root.steps[7].dependents == ()


def test_a_task_without_expressions_has_nothing_to_decide() -> None:
    step = step_of("  a: {task: t, with: {x: [1, 'two', null], y: {z: 1.5}}}\n")

    assert step.ask is None
    assert step.task is not None
    assert json.loads(step.task.input) == {"x": [1, "two", None], "y": {"z": 1.5}}


def test_a_task_without_inputs_gets_an_empty_mapping() -> None:
    step = step_of("  a: {task: t}\n")

    assert step.task is not None and step.task.input == b"{}"
    assert step.task.queue is None


def test_a_condition_alone_is_asked_for_with_the_constant_input() -> None:
    step = step_of("  a: {task: t, if: input.x, with: {y: 1}}\n")

    plan = plan_of(step.ask)
    assert plan.condition == "input.x"
    assert msgspec.json.decode(plan.template) == {"y": 1}
    assert step.task is not None and step.task.input == b'{"y":1}'


def test_what_is_always_true_is_not_asked_for() -> None:
    for condition in ("true", "${{ true }}", "1 < 2"):
        assert step_of(f'  a: {{task: t, if: "{condition}"}}\n').ask is None


def test_values_and_their_places_go_in_pairs() -> None:
    step = step_of(
        "  b: {task: t}\n"
        "  a:\n    task: t\n    if: ${{ failed() && steps.b.status == 'failed' }}\n"
        '    with: {x: "${{ input.x }}", y: "${{ run.id }} ${{ steps.b.failure.message }}"}\n'
    )

    plan = plan_of(step.ask)
    assert step.ask is not None
    pairs = dict(zip(plan.paths, step.ask.refs, strict=True))
    assert pairs == {
        ("steps", "b", "status"): Ref(root="step", step=0, part="status"),
        ("outcome",): Ref(root="outcome"),
        ("input",): Ref(root="input"),
        ("run",): Ref(root="run"),
        ("steps", "b", "failure"): Ref(root="step", step=0, part="failure"),
    }
    assert step.runs_on == "always"
    assert (plan.workflow, plan.version, plan.step) == ("w", 1, "a")


def test_only_an_if_that_asks_for_it_runs_a_step_always() -> None:
    assert step_of("  a: {task: t, if: input.x}\n").runs_on == "success"
    assert step_of('  a: {set: {x: "${{ failed() }}"}}\n').runs_on == "success"
    assert step_of("  a: {task: t, if: always()}\n").runs_on == "always"


def test_set_wait_and_fail_without_expressions_are_values() -> None:
    def value(body: str) -> Any:
        step = step_of(f"  a: {{{body}}}\n")
        assert step.ask is None and step.task is None and step.value is not None
        return json.loads(step.value)

    assert value("set: {x: 1}") == {"x": 1}
    assert value("wait: 1h30m") == {"for": 5400.0}
    assert value("wait: 0") == {"for": 0.0}
    assert value("wait: {for: 2}") == {"for": 2.0}
    assert value("wait: {until: 2030-01-31T09:00:00+01:00}") == {
        "until": "2030-01-31T09:00:00+01:00"
    }
    assert value("fail: no stock") == {
        "type": "FailStep", "message": "no stock", "retryable": False,
    }  # fmt: skip
    assert value("fail: {type: SoldOut, message: m, retryable: true}") == {
        "type": "SoldOut", "message": "m", "retryable": True,
    }  # fmt: skip


def test_set_wait_and_fail_with_expressions_are_templates() -> None:
    def template(body: str) -> Any:
        step = step_of(f"  a: {{{body}}}\n")
        assert step.value is None
        return msgspec.json.decode(plan_of(step.ask).template)

    assert template('set: {x: "${{ input.x }}", y: 2}') == {"x": "${{ input.x }}", "y": 2}
    assert template('wait: "${{ input.s }}"') == {"for": "${{ input.s }}"}
    assert template('wait: {until: "${{ input.at }}"}') == {"until": "${{ input.at }}"}
    assert template('fail: "no ${{ input.sku }}"')["message"] == "no ${{ input.sku }}"


def test_an_escaped_expression_is_a_constant() -> None:
    step = step_of("  a: {task: t, with: {x: '$${{ input.x }} stays'}}\n")

    assert step.ask is None
    assert step.task is not None
    assert json.loads(step.task.input) == {"x": "${{ input.x }} stays"}


def test_for_each_asks_for_the_items_and_then_for_each_of_them() -> None:
    step = step_of(
        "  a:\n    task: t\n    for_each: ${{ input.l }}\n    if: ${{ input.on }}\n"
        '    with: {x: "${{ item.x }}", n: "${{ index }}", y: "${{ input.y }}"}\n'
    )

    assert step.for_each is not None
    items, own = plan_of(step.for_each.ask), plan_of(step.ask)
    assert (items.items, items.condition) == ("input.l", "input.on")
    assert items.paths == (("input",),)
    assert own.condition is None and own.items is None
    assert own.paths == (("item",), ("index",), ("input",))
    assert step.for_each.max_parallel is None
    assert step.for_each.join == Join()


def test_items_may_be_constants() -> None:
    step = step_of('  a: {task: t, for_each: [1, "b", {c: [null, 2.5]}]}\n')

    assert step.for_each is not None and step.ask is None
    assert plan_of(step.for_each.ask).items == '[1,"b",{"c":[null,2.5]}]'


@pytest.mark.parametrize(
    ("text", "join"),
    [
        ("all", Join()),
        ("any", Join(mode="any")),
        ("{at_least: 2}", Join(mode="count", count=2)),
        ("{at_least: 80%}", Join(mode="share", share=0.8)),
        ("{at_least: 12.5 %}", Join(mode="share", share=0.125)),
    ],
)
def test_a_join_says_how_many(text: str, join: Join) -> None:
    step = step_of(f"  a: {{task: t, for_each: [1], join: {text}}}\n")

    assert step.for_each is not None
    assert step.for_each.join == join


def test_a_switch_has_a_case_for_each_way() -> None:
    step = step_of(
        "  a:\n    switch:\n      - if: ${{ input.x == 1 }}\n        then: [b, c]\n"
        "      - if: true\n        then: []\n      - else: d\n"
        "  b: {task: t}\n  c: {task: t}\n  d: {task: t}\n"
    )

    assert step.cases == (Case(then=(1, 2)), Case(), Case(then=(3,)))
    assert plan_of(step.ask).cases == ("input.x == 1", "true", None)


def test_a_compensation_sees_its_own_output_and_the_item() -> None:
    step = step_of(
        "  a:\n    task: t\n    for_each: ${{ input.l }}\n    compensate:\n      task: u\n"
        '      with: {o: "${{ steps.a.output.id }}", i: "${{ item }}"}\n      queue: q\n'
    )

    assert step.compensate is not None and step.compensate.ask is not None
    plan = plan_of(step.compensate.ask)
    assert plan.step == "a~compensate"
    assert plan.paths == (("steps", "a", "output"), ("item",))
    assert step.compensate.ask.refs == (Ref(root="output"), Ref(root="item"))
    assert (step.compensate.task.name, step.compensate.task.queue) == ("u", "q")


def test_a_compensation_without_expressions_has_nothing_to_decide() -> None:
    step = step_of("  a: {task: t, compensate: {task: u, with: {x: 1}}}\n")

    assert step.compensate is not None and step.compensate.ask is None
    assert step.compensate.task.input == b'{"x":1}'


def test_defaults_lie_under_what_a_task_says() -> None:
    graph = graph_of("""
workflow: w
defaults:
  retry: {max_attempts: 5, interval: 2m, except: [A]}
  timeout: {run: 10s, queue: 1m}
  queue: q
steps:
  a: {task: t}
  b: {task: t, retry: {max_attempts: 2, only: [B]}, timeout: 3s, queue: r}
  c: {set: {x: 1}, compensate: {task: u, retry: {max_attempts: 9}, timeout: {total: 1h}}}
""")
    a, b, c = graph.root.steps

    assert a.retry == Retry(max_attempts=5, interval_s=120.0, max_interval_s=120.0, never=("A",))
    assert a.timeouts == Timeouts(run_s=10.0, queue_s=60.0)
    assert b.retry.max_attempts == 2 and b.retry.never == ("A",) and b.retry.only == ("B",)
    assert b.timeouts == Timeouts(run_s=3.0, queue_s=60.0)
    assert (a.task and a.task.queue, b.task and b.task.queue) == ("q", "r")
    assert (c.retry, c.timeouts) == (Retry(), Timeouts())
    assert c.compensate is not None
    assert c.compensate.task.queue == "q"
    assert c.compensate.retry.max_attempts == 9 and c.compensate.retry.interval_s == 120.0
    assert c.compensate.timeouts == Timeouts(run_s=10.0, queue_s=60.0, total_s=3600.0)


def test_nothing_is_retried_unless_asked_for() -> None:
    step = step_of("  a: {task: t}\n")

    assert step.retry == Retry(max_attempts=1)
    assert step.timeouts == Timeouts()


def test_the_output_is_constant_asked_for_or_nothing() -> None:
    head = "workflow: w\nsteps: {a: {task: t}}\n"
    none, constant = graph_of(head), graph_of(head + "output: {x: 1}\n")
    asked = graph_of(head + 'output: ["${{ steps.a.output }}", "${{ input.x }}"]\n')

    assert none.output is None and none.output_value is None
    assert constant.output is None and constant.output_value == b'{"x":1}'
    plan = plan_of(asked.output)
    assert plan.lenient and plan.step == ""
    assert asked.output is not None
    assert asked.output.refs == (Ref(root="step", step=0), Ref(root="input"))


def test_a_workflow_keeps_its_own_fields() -> None:
    graph = graph_of(
        "workflow: w\ntimeout: 1h\non_failure: compensate\nlabels: {a: b}\n"
        "input: {type: object}\nsteps: {a: {task: t, labels: {c: d}}}\n",
        version=7,
    )

    assert (graph.name, graph.version, graph.timeout_s) == ("w", 7, 3600.0)
    assert (graph.on_failure, graph.labels) == ("compensate", {"a": "b"})
    assert msgspec.json.decode(graph.input_schema) == {"type": "object"}
    assert graph.root.steps[0].labels == {"c": "d"}


def test_the_same_text_and_version_give_the_same_bytes() -> None:
    text = (GOLDEN / "order.yaml").read_text()

    assert json_encode(graph_of(text)) == json_encode(graph_of(text))


def test_layout_comments_notation_and_order_do_not_make_another_definition() -> None:
    one = load("workflow: w\nsteps:\n  a: {task: t, with: {x: 1, y: 'z'}}\n  b: {task: u}\n")
    two = load(
        '{"steps": {"b": {"task": "u"},\n "a": {"with": {"y": "z", "x": 1}, "task": "t"}},\n'
        ' "workflow": "w"}'
    )
    other = load("workflow: w\nsteps:\n  a: {task: t, with: {x: 2, y: 'z'}}\n  b: {task: u}\n")

    assert one.definition is not None and two.definition is not None
    assert other.definition is not None
    assert canonical(one.definition) == canonical(two.definition)
    assert content_hash(one.definition) == content_hash(two.definition)
    assert content_hash(one.definition) != content_hash(other.definition)


def test_a_definition_tells_what_it_is() -> None:
    definition = load(
        "workflow: w\ndescription: d\nlabels: {a: b}\nsteps: {a: {task: t}}"
    ).definition

    assert definition is not None
    assert (definition.workflow, definition.description, definition.labels) == (
        "w",
        "d",
        {"a": "b"},
    )
