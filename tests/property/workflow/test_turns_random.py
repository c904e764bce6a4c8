"""Random runs that move to other versions, and the order in which random graphs are undone."""

import random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.workflow.core import Run, apply
from services.workflow.core import commands as cm
from services.workflow.sweeping import has_cause
from stretto.contracts import events as ev
from stretto.contracts.graph import Graph, StepPlan
from stretto.contracts.public import ControlRequest
from tests.property.workflow.test_core_random import (
    MAX_MOVES,
    look_at_asks,
    move,
    random_graph,
    random_step,
)
from tests.unit.workflow.builders import Story, facts, graph, task, undoable

SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def other_version(rng: random.Random, old: Graph, number: int) -> Graph:
    """A version with a step more, a step less, other retries, or the same steps."""
    steps = list(old.root.steps)
    kind = rng.random()
    if kind < 0.5:
        steps.append(random_step(rng, len(steps), 1))
        steps[-1] = msgspec.structs.replace(steps[-1], name=f"v{number}")
    elif kind < 0.7 and len(steps) > 1 and not is_wanted(steps):
        steps.pop()
    elif kind < 0.8 and steps[0].kind == "task" and steps[0].for_each is None:
        steps[0] = msgspec.structs.replace(steps[0], ask=None if steps[0].ask else old.output)
    made = graph(*map(unlinked, steps), on_failure=old.on_failure, output=old.output)
    timeout = rng.choice((None, 60.0))
    return msgspec.structs.replace(made, version=number, timeout_s=timeout)


def is_wanted(steps: list[StepPlan]) -> bool:
    """Whether another step names the last one: as a need, or as what a switch may choose."""
    last = len(steps) - 1
    chosen = any(last in case.then for step in steps for case in step.cases)
    return chosen or bool(steps[last].dependents)


def unlinked(step: StepPlan) -> StepPlan:
    return msgspec.structs.replace(step, dependents=())


def folded(story: Story) -> Run:
    run = Run(story.run.id, story.graph)
    run.graphs = dict(story.run.graphs or {})
    for seq, at_us, event in story.log:
        apply(run, event, seq, at_us)
    return run


def migrate(story: Story, to: Graph) -> None:
    story.run.graphs = (story.run.graphs or {story.graph.version: story.graph}) | {to.version: to}
    story.give(cm.Migrate(request=ControlRequest(command="migrate"), graph=to))


@pytest.mark.parametrize("start", range(4))
@given(seed=st.integers(0, 2**32))
@SETTINGS
def test_runs_that_move_to_other_versions_end_and_replay_exactly(start: int, seed: int) -> None:
    rng = random.Random(f"{start}:{seed}")
    story = Story(random_graph(rng))
    versions = [story.graph]
    for _ in range(MAX_MOVES):
        if story.run.closed:
            break
        assert has_cause(story.run), story.types()
        held = story.run.paused or story.run.rollback is not None
        assert not story.run.todo or held, (story.types(), list(story.run.todo))
        if rng.random() < 0.08:
            if rng.random() < 0.7:
                versions.append(other_version(rng, story.run.graph, len(versions) + 1))
            migrate(story, rng.choice(versions))
        else:
            move(story, rng)
        look_at_asks(story)
    assert story.run.closed, (story.types(), list(story.run.open))
    assert facts(folded(story)) == facts(story.run)


@given(seed=st.integers(0, 2**32))
@SETTINGS
def test_a_step_is_undone_after_all_that_needed_it_and_as_soon_as_that(seed: int) -> None:
    rng = random.Random(seed)
    count = rng.randint(2, 9)
    steps = []
    for index in range(count):
        needs = tuple(sorted(rng.sample(range(index), k=min(index, rng.randint(0, 3)))))
        make = undoable if rng.random() < 0.7 else task
        steps.append(make(f"s{index}", needs=needs))
    leaves = tuple(range(count))
    story = Story(graph(*steps, task("boom", needs=leaves), on_failure="compensate"))
    while story.run.open.keys() - {"boom"}:
        story.complete(rng.choice(sorted(story.run.open.keys() - {"boom"})))
    story.fail("boom")
    needed_by = {f"s{i}": above(story.graph, i) for i in range(count)}
    undone: set[str] = set()
    while not story.run.closed:
        out = {path.removesuffix("~compensate") for path in story.run.open}
        left = set(story.run.undo) - undone
        free = {step for step in left if not (needed_by[step] & left)}
        assert out == free
        step = rng.choice(sorted(out))
        story.complete(f"{step}~compensate")
        undone.add(step)
    assert undone == set(story.run.undo)
    assert facts(story.replayed()) == facts(story.run)


def above(plan: Graph, index: int) -> set[str]:
    """The names of all steps that need a step, directly or not."""
    found: set[str] = set()
    for later in plan.root.steps[index].dependents:
        found |= {plan.root.steps[later].name} | above(plan, later)
    return found


@given(seed=st.integers(0, 2**32))
@SETTINGS
def test_an_event_of_undoing_grows_with_the_steps(seed: int) -> None:
    rng = random.Random(seed)
    width = rng.randint(2, 40)
    first = [undoable(f"a{i}") for i in range(width)]
    second = [undoable(f"b{i}", needs=tuple(range(width))) for i in range(width)]
    every = tuple(range(2 * width))
    story = Story(graph(*first, *second, task("boom", needs=every), on_failure="compensate"))
    while story.run.open.keys() - {"boom"}:
        story.complete(next(iter(story.run.open.keys() - {"boom"})))
    story.fail("boom")
    event = next(e for _, _, e in story.log if isinstance(e, ev.CompensationStarted))
    assert event.after is not None
    assert max(map(len, event.after)) <= 8
    while not story.run.closed:
        story.complete(next(iter(story.run.open)))
    assert story.run.uncompensated == []
