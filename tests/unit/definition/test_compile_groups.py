"""What groups, loops, handlers, signals, approvals, children, joins and cancels become."""

import msgspec
import pytest

from stretto.contracts.asks import Ref
from stretto.contracts.codec import decode_graph, json_encode
from stretto.contracts.graph import (
    ApprovalPlan,
    CancelPlan,
    ChildPlan,
    Retry,
    SomeOf,
    StepPlan,
    Timeouts,
)
from stretto.definition import load
from tests.unit.definition.test_compile import graph_of, plan_of, step_of


def inside(step: StepPlan, name: str) -> StepPlan:
    assert step.body is not None
    return next(each for each in step.body.steps if each.name == name)


def places(step: StepPlan) -> dict[tuple[str, ...], Ref]:
    assert step.ask is not None
    return dict(zip(plan_of(step.ask).paths, step.ask.refs, strict=True))


def test_names_are_looked_up_from_the_inside_out() -> None:
    graph = graph_of("""
workflow: w
steps:
  a: {task: t}
  b: {task: t}
  g:
    steps:
      b: {task: t}
      h:
        steps:
          c: {task: t, with: {a: "${{ steps.a.output }}", b: "${{ steps.b.output }}"}}
""")
    a, _, g = graph.root.steps
    h = inside(g, "h")

    assert places(inside(h, "c")) == {
        ("steps", "a", "output"): Ref(root="step", up=2, step=0),
        ("steps", "b", "output"): Ref(root="step", up=1, step=0),
    }
    assert (g.needs, h.needs, inside(h, "c").needs) == ((0,), (0,), ())
    assert a.dependents == (2,)
    assert plan_of(inside(h, "c").ask).step == "g.h.c"
    assert decode_graph(json_encode(graph)) == graph


def test_a_group_gives_its_output_or_that_of_its_steps() -> None:
    said = step_of(
        "  z: {task: t}\n"
        '  a: {steps: {b: {task: t}}, output: {x: "${{ steps.b.output }}", '
        'y: "${{ steps.z.status }}"}}\n'
    )
    silent = step_of("  a: {steps: {b: {task: t}}}\n")
    constant = step_of("  a: {steps: {b: {task: t}}, output: null}\n")

    assert said.kind == "steps" and said.output is not None and said.needs == (0,)
    assert said.output.refs == (
        Ref(root="step", step=0), Ref(root="step", up=1, step=0, part="status"),
    )  # fmt: skip
    assert plan_of(said.output).lenient
    assert (silent.output, silent.output_value) == (None, None)
    assert (constant.output, constant.output_value) == (None, b"null")


def test_items_are_known_in_all_of_a_group() -> None:
    step = step_of(
        "  a:\n    for_each: ${{ input.l }}\n    steps:\n"
        '      b: {task: t, with: {x: "${{ item }}"}}\n'
        '      c: {task: t, for_each: "${{ item.inner }}", with: {x: "${{ item }}"}}\n'
        "    output: ${{ index }}\n"
    )

    assert places(inside(step, "b")) == {("item",): Ref(root="item")}
    inner = inside(step, "c").for_each
    assert inner is not None and plan_of(inner.ask).items == "item.inner"
    assert step.output is not None and step.output.refs == (Ref(root="index"),)


def test_a_loop_asks_from_inside_of_the_round() -> None:
    step = step_of(
        "  z: {task: t}\n"
        '  a:\n    if: "${{ steps.z.output.go }}"\n    repeat:\n      steps:\n'
        '        b: {task: t, with: {x: "${{ loop.output }}"}}\n'
        "      until: ${{ steps.b.output.done || steps.z.output.done || loop.index > 3 }}\n"
        "      limit: 5\n      every: 2s\n      output: ${{ steps.b.output }}\n"
    )

    assert step.repeat is not None
    assert (step.kind, step.repeat.limit, step.repeat.every_s) == ("repeat", 5, 2.0)
    assert step.repeat.until.refs == (
        Ref(root="step", step=0), Ref(root="step", up=1, step=0), Ref(root="loop"),
    )  # fmt: skip
    assert plan_of(step.repeat.until).condition is not None
    assert places(inside(step, "b")) == {("loop",): Ref(root="loop")}
    assert step.output is not None and step.output.refs == (Ref(root="step", step=0),)
    assert step.needs == (0,)


def test_a_handler_is_a_scope_of_its_own_also_without_steps() -> None:
    step = step_of(
        "  z: {task: t}\n"
        "  a:\n    task: t\n    catch:\n"
        '      - {on: A, output: {m: "${{ error.message }}", z: "${{ steps.z.output }}"}}\n'
        "      - on: [B, C]\n        steps:\n"
        '          b: {task: t, with: {e: "${{ error.type }}", z: "${{ steps.z.output }}"}}\n'
        "      - {output: 1}\n"
    )
    first, second, third = step.catch

    assert [handler.on for handler in step.catch] == [("A",), ("B", "C"), ()]
    assert first.body is None and first.output is not None
    assert first.output.refs == (Ref(root="error"), Ref(root="step", up=1, step=0))
    assert second.body is not None and second.output is None
    assert places(second.body.steps[0]) == {
        ("error",): Ref(root="error"),
        ("steps", "z", "output"): Ref(root="step", up=1, step=0),
    }
    assert plan_of(second.body.steps[0].ask).step == "a~catch.b"
    assert third.output_value == b"1"
    assert step.needs == (0,)


def test_a_signal_has_a_name_and_perhaps_a_condition() -> None:
    short = step_of("  a: {signal: paid, timeout: 5s}\n")
    long = step_of(
        '  a: {signal: {name: paid, buffered: false, where: "${{ signal.id == input.id }}"}}\n'
    )

    assert short.signal is not None and short.signal.where is None
    assert (short.signal.name, short.signal.buffered) == ("paid", True)
    assert short.timeouts == Timeouts(total_s=5.0)
    assert long.signal is not None and not long.signal.buffered
    assert plan_of(long.signal.where).condition == "signal.id == input.id"
    assert long.signal.where is not None
    assert long.signal.where.refs == (Ref(root="signal"), Ref(root="input"))


def test_an_approval_says_who_and_how_long() -> None:
    step = step_of("  a: {approval: {by: [x, y], timeout: 1h, escalate: {after: 60, to: z}}}\n")

    assert step.approval == ApprovalPlan(by=("x", "y"), escalate_s=60.0, escalate_to=("z",))
    assert step.timeouts == Timeouts(total_s=3600.0)
    assert step_of("  a: {approval: {}}\n").approval == ApprovalPlan()


def test_a_child_is_given_what_stands_in_with() -> None:
    constant = step_of("  a: {workflow: c, with: {x: 1}, retry: {max_attempts: 3}, timeout: 1m}\n")
    asked = step_of(
        "  a: {workflow: {name: c, version: 2, wait: false, cancel: false}, with: {x: "
        '"${{ run.id }}"}}\n'
    )

    assert constant.child == ChildPlan(workflow="c")
    assert (constant.value, constant.ask) == (b'{"x":1}', None)
    assert (constant.retry, constant.timeouts) == (Retry(max_attempts=3), Timeouts(total_s=60.0))
    assert asked.child == ChildPlan(workflow="c", version=2, wait=False, cancel=False)
    assert msgspec.json.decode(plan_of(asked.ask).template) == {"x": "${{ run.id }}"}
    assert step_of("  a: {workflow: c}\n").value is None


def test_defaults_of_tasks_are_not_those_of_other_kinds() -> None:
    graph = graph_of(
        "workflow: w\ndefaults: {retry: {max_attempts: 4}, timeout: 5s}\n"
        "steps: {a: {workflow: c}, b: {signal: s}, g: {steps: {c: {task: t}}}}\n"
    )
    a, b, g = graph.root.steps

    assert a.retry == Retry() and a.timeouts == b.timeouts == g.timeouts == Timeouts()
    assert inside(g, "c").retry.max_attempts == 4
    assert inside(g, "c").timeouts == Timeouts(run_s=5.0)


def test_an_emit_is_a_value_or_a_template() -> None:
    assert step_of("  a: {emit: {x: 1}}\n").value == b'{"x":1}'
    assert plan_of(step_of('  a: {emit: {x: "${{ input.x }}"}}\n').ask).template is not None


@pytest.mark.parametrize(
    ("needs", "some"),
    [
        ("{any: [b, c]}", SomeOf(of=(0, 1))),
        ("{any: c, rest: cancel}", SomeOf(of=(1,), cancel=True)),
        ("{at_least: 2, of: [b, c], rest: run}", SomeOf(of=(0, 1), count=2)),
    ],
)
def test_a_join_names_what_it_needs_in_part(needs: str, some: SomeOf) -> None:
    step = step_of(f"  b: {{task: t}}\n  c: {{task: t}}\n  a: {{task: t, needs: {needs}}}\n")

    assert step.some == some and step.needs == some.of


def test_what_is_read_besides_is_needed_whole() -> None:
    step = step_of(
        "  b: {task: t}\n  c: {task: t}\n  d: {task: t}\n  e: {task: t}\n"
        '  a: {task: t, needs: {any: [b, c], all: d}, with: {x: "${{ steps.e.output }}"}}\n'
    )

    assert (step.needs, step.some) == ((0, 1, 2, 3), SomeOf(of=(0, 1)))


def test_a_cancel_names_steps_beside_it() -> None:
    step = step_of("  b: {task: t, for_each: [1]}\n  a: {cancel: {steps: b, complete: true}}\n")

    assert step.cancel == CancelPlan(steps=(0,), complete=True)
    assert step_of("  b: {task: t}\n  a: {cancel: b}\n").cancel == CancelPlan(steps=(0,))


def test_items_may_run_on() -> None:
    step = step_of("  a: {task: t, for_each: [1], join: any, rest: run}\n")

    assert step.for_each is not None and step.for_each.runs_on


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("a: {repeat: {steps: {b: {task: t}}, until: false}}", ["never_true"]),
        ('a: {signal: {name: s, where: "1 > 2"}}', ["never_true"]),
        ("a: {task: t, catch: [{output: 1}, {on: X, output: 2}]}", ["never_chosen"]),
        ("a: {set: {x: 1}}", ["unused"]),
        ("a: {set: {}}", []),
        ("a: {steps: {b: {set: {x: 1}}}}", []),
        ("a: {steps: {b: {set: {x: 1}}}, output: 1}", ["unused"]),
        ("a: {steps: {b: {task: t, if: false}, c: {task: t, needs: b}}}", ["never_runs"] * 2),
        ("{a: {task: t, if: false}, b: {task: t}, c: {task: t, needs: {any: [a, b]}}}",
         ["never_runs"]),
        ("{a: {task: t, if: false}, b: {task: t, needs: {any: a}}}", ["never_runs"] * 2),
    ],
)  # fmt: skip
def test_what_can_not_matter_is_warned_of(text: str, codes: list[str]) -> None:
    steps = text if text.startswith("{") else f"{{{text}}}"

    loaded = load(f"workflow: w\nsteps: {steps}\n")

    assert [str(m) for m in loaded.mistakes] == []
    assert [warning.code for warning in loaded.warnings] == codes
