"""How long a run may take, said by an expression over its input."""

import pytest

from services.testing import Held, World
from stretto.definition import check

BY_INPUT = 'workflow: w\ntimeout: "${{ input.limit }}"\nsteps: {a: {task: t}}\n'


@pytest.mark.parametrize(("said", "seconds"), [("1m30s", 90), (12.5, 12.5), (3, 3)])
def test_a_run_takes_no_longer_than_its_input_says(said: object, seconds: float) -> None:
    world = World(BY_INPUT, tasks={"t": Held()})

    run = world.finish(world.start(value={"limit": said}))

    assert run.failure is not None
    assert run.failure.type == "WorkflowTimeout"
    assert run.failure.message.startswith(f"expected the run to end within {float(seconds)} s")
    assert run.at("run.failed") == seconds


@pytest.mark.parametrize("value", [{}, {"limit": "soon"}, {"limit": 0}, {"limit": True}])
def test_a_start_for_which_it_gives_no_duration_is_refused(value: dict[str, object]) -> None:
    run = World(BY_INPUT).start(value=value)

    assert [rejection.code for rejection in run.rejections] == ["timeout_invalid"]
    assert run.log == []


def test_a_child_that_is_refused_for_it_fails_its_step() -> None:
    world = World("workflow: p\nsteps: {a: {workflow: w, with: {limit: never}}}\n", BY_INPUT)

    run = world.start()

    assert run.failure is not None and run.failure.type == "ChildRefused"


def test_it_may_refer_to_no_step() -> None:
    [mistake] = check('workflow: w\ntimeout: "${{ steps.a.output.s }}"\nsteps: {a: {task: t}}\n')

    assert mistake.code == "not_known_here"
    assert "a timeout over input and run" in str(mistake)


def test_a_constant_is_what_it_was() -> None:
    world = World("workflow: w\ntimeout: 5s\nsteps: {a: {task: t}}\n", tasks={"t": Held()})

    assert world.finish(world.start()).at("run.failed") == 5
