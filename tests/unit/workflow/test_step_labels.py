"""Labels of steps: told when a step begins, constant ones once, those of expressions as they
come."""

import pytest

from services.testing import World
from services.testing.tested_run import TestedRun
from stretto.contracts import events as ev
from stretto.definition import check, compile_graph, load

HEAD = "workflow: w\nsteps:\n"


def labels_told(run: TestedRun) -> list[tuple[str, dict[str, str]]]:
    return [(e.step, e.labels) for _, e in run.log if isinstance(e, ev.StepLabelled)]


def played(steps: str, **input_: object) -> TestedRun:
    return World(HEAD + steps).start(value=input_)


@pytest.mark.parametrize(
    "step",
    [
        "task: t",
        "set: {x: 1}",
        "wait: 1s",
        "signal: s",
        "steps: {b: {set: {}}}",
        "repeat: {steps: {b: {set: {}}}, until: 'true'}",
        "concurrency: {key: k}\n    task: t",
        "if: input.yes\n    task: t",
        "if: input.yes\n    switch: [{else: []}]",
    ],
)
def test_a_step_that_begins_tells_its_labels_before_anything_else_it_does(step: str) -> None:
    run = played(f"  a:\n    labels: {{risk: high, team: ''}}\n    {step}\n", yes=True)

    assert labels_told(run) == [("a", {"risk": "high", "team": ""})]
    about = [e.type for _, e in run.log if getattr(e, "step", None) == "a"]
    assert about.index("step.labelled") == (1 if "step.activated" in about else 0)


def test_a_step_that_is_skipped_has_no_labels() -> None:
    run = played(
        "  a: {task: t, if: 'false', labels: {x: a}}\n  b: {task: t, needs: a, labels: {x: b}}\n"
    )

    assert labels_told(run) == []


def test_labels_of_expressions_are_worked_out_with_the_input() -> None:
    run = played(
        '  a: {set: {}, labels: {k: c, n: "${{ input.n }}", f: "${{ input.f }}", '
        't: "n-${{ input.n }}", none: "${{ null }}", yes: "${{ input.n == 5 }}"}}\n',
        n=5, f=0.5,
    )  # fmt: skip

    wanted = {"k": "c", "n": "5", "f": "0.5", "t": "n-5", "yes": "true"}
    assert labels_told(run) == [("a", wanted)]


def test_labels_of_a_for_each_are_the_steps_and_those_of_expressions_the_items() -> None:
    run = played(
        '  a: {task: t, for_each: ["x", "y"], labels: {kind: scan, sku: "${{ item }}"}}\n'
        '  b: {task: t, for_each: ["x", "y"], labels: {kind: scan}, needs: a}\n'
    )

    assert labels_told(run) == [
        ("a", {"kind": "scan"}),
        ("a[0]", {"sku": "x"}),
        ("a[1]", {"sku": "y"}),
        ("b", {"kind": "scan"}),
    ]


@pytest.mark.parametrize("value", [[1], {"a": 1}, "x" * 1_001, "a\0b"])
def test_a_step_whose_labels_are_none_fails(value: object) -> None:
    run = played('  a: {set: {}, labels: {k: "${{ input.v }}"}}\n', v=value)

    assert run.status == "failed"
    assert run.run.failure is not None
    assert run.run.failure.type == "ExpressionError"
    assert run.run.failure.message.startswith("labels: expected texts of at most 1000 characters")


def test_what_undoes_a_step_has_none_of_its_labels() -> None:
    world = World(
        "workflow: w\non_failure: compensate\nsteps:\n"
        '  a: {task: t, labels: {k: v}, compensate: {task: u, with: {x: "${{ input.n }}"}}}\n'
        "  b: {needs: a, fail: bad}\n"
    )

    run = world.start(value={"n": 1})

    assert labels_told(run) == [("a", {"k": "v"})]


def test_a_label_whose_expression_is_wrong_is_a_mistake_with_its_place() -> None:
    text = HEAD + '  a: {set: {}, labels: {k: "${{ steps.b.output }}", l: "${{ input.x }}"}}\n'

    [mistake] = check(text)

    assert mistake.path == "steps.a.labels.k"
    assert mistake.code in ("bad_reference", "unknown_step")


def test_a_definition_keeps_labels_that_are_constant_as_they_are() -> None:
    definition = load(HEAD + '  a: {set: {}, labels: {k: v, l: "${{ input.x }}"}}\n').definition

    assert definition is not None
    [plan] = compile_graph(definition, 1).root.steps
    assert plan.labels == {"k": "v"}
