"""`priority` and `resources` of tasks."""

import pytest

from stretto.definition import compile_graph, load

WHOLE = """\
workflow: w
input: {type: object, properties: {urgent: {type: boolean}, rank: {type: string}}}
defaults: {priority: 3}
steps:
  a: {task: t}
  b: {task: t, priority: 9, resources: {gpu: 2, "licence/cad": 1}}
  c:
    task: t
    priority: "${{ input.urgent ? 9 : 0 }}"
    compensate: {task: u, priority: 1, resources: {gpu: 1}}
"""


def test_they_are_in_the_graph_with_the_default_of_the_workflow() -> None:
    loaded = load(WHOLE)
    assert loaded.mistakes == []
    assert loaded.definition is not None
    a, b, c = compile_graph(loaded.definition, 1).root.steps

    assert a.task is not None and b.task is not None and c.task is not None
    assert (a.task.priority, a.task.resources) == (3, {})
    assert (b.task.priority, b.task.resources) == (9, {"gpu": 2, "licence/cad": 1})
    assert c.task.priority == 3
    assert c.compensate is not None
    assert (c.compensate.task.priority, c.compensate.task.resources) == (1, {"gpu": 1})
    assert c.ask is not None
    assert b"input.urgent" in c.ask.plan


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("priority: 10", "5:15: steps.a.priority: expected a priority from 0 to 9, but got 10"),
        ("priority: high", "expected a priority"),
        ('priority: "${{ input.rank }}"', "expected a number, but the expression gives a string"),
        ("resources: {gpu: 0}", "expected an amount from 1 to 1"),
        ("resources: {gpu: 1.5}", "expected an amount"),
        ("resources: {a b: 1}", 'write "a-b"'),
        ("resources: gpu", "expected resources (a mapping of amounts)"),
        ("resources: {gpu: 5}", "needs 5 gpu, and there is 1 in all"),
        ("compensate: {task: u, resources: {gpu: 5}}", "needs 5 gpu, and there is 1 in all"),
        ("catch: [{steps: {x: {task: u, resources: {gpu: 5}}}}]", "needs 5 gpu"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(step: str, said: str) -> None:
    text = (
        "workflow: w\ninput: {type: object, properties: {rank: {type: string}}}\nsteps:\n"
        f"  a:\n    {step}\n    task: t\n"
    )
    mistakes = [str(each) for each in load(text, capacities={"gpu": 1}).mistakes]
    assert len(mistakes) == 1
    assert said in mistakes[0]


def test_a_task_that_the_service_does_takes_no_resources() -> None:
    text = "workflow: w\nsteps: {a: {task: std.echo, resources: {gpu: 1}}}\n"
    [mistake] = load(text).mistakes
    assert (mistake.code, mistake.path) == ("not_for_kind", "steps.a.resources")


def test_inside_groups_demands_are_checked_too_and_unknown_names_may_come_from_devices() -> None:
    text = (
        "workflow: w\nsteps:\n  g:\n    steps:\n      x: {task: t, resources: {gpu: 3}}\n"
        "      y: {task: t, resources: {scope: 3}}\n"
    )
    [mistake] = load(text, capacities={"gpu": 2}).mistakes
    assert mistake.path == "steps.g.steps.x.resources.gpu"
    assert load(text).mistakes == []


RING = """\
workflow: w
concurrency: {key: KEY, limit: LIMIT}
steps:
  g:
    steps:
      again: {workflow: CHILD}
"""


@pytest.mark.parametrize(
    ("key", "limit", "child", "warned"),
    [
        ("all", 1, "w", True),
        ("all", 1, "{name: w, wait: false}", False),
        ("all", 1, "other", False),
        ("all", 2, "w", False),
        ('"${{ run.id }}"', 1, "w", False),
    ],
)
def test_a_run_that_waits_for_a_child_that_waits_for_it_is_warned_of(
    key: str, limit: int, child: str, warned: bool
) -> None:
    text = RING.replace("KEY", key).replace("LIMIT", str(limit)).replace("CHILD", child)
    loaded = load(text)
    assert loaded.mistakes == []
    found = [each.path for each in loaded.warnings if each.code == "deadlock"]
    assert found == (["steps.g.steps.again.workflow"] if warned else [])


def test_a_handler_that_waits_for_it_is_warned_of_too() -> None:
    text = (
        "workflow: w\nconcurrency: {key: all}\nsteps:\n  a:\n    task: t\n"
        "    catch: [{steps: {x: {workflow: w}}}]\n"
    )
    assert [each.code for each in load(text).warnings] == ["deadlock"]
