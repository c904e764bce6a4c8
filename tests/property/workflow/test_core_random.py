"""Random graphs, driven at random: every run ends, replay is exact, no run is without a cause."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.workflow.core import commands as cm
from services.workflow.core.effects import open_effects
from services.workflow.core.state import OUT, NodeStatus, RunPhase
from services.workflow.sweeping import has_cause
from stretto.contracts.failures import Failure
from stretto.contracts.graph import Compensation
from stretto.contracts.public import ControlRequest
from tests.unit.workflow.builders import (
    ASK, Case, ForEach, Graph, Join, Retry, StepPlan, Story, TaskPlan, Timeouts, Timer, facts, graph,
    task,
)  # fmt: skip

MAX_MOVES = 2_000
JOINS = (Join(), Join(mode="any"), Join(mode="count", count=2), Join(mode="share", share=0.5))


def random_step(rng: random.Random, index: int) -> StepPlan:
    needs = tuple(sorted(rng.sample(range(index), k=min(index, rng.randint(0, 3)))))
    name = f"s{index}"
    runs_on = "always" if rng.random() < 0.15 else "success"
    kind = rng.random()
    if kind < 0.1:
        return StepPlan(name=name, kind="set", needs=needs, value=b"{}", runs_on=runs_on)
    if kind < 0.2:
        return StepPlan(name=name, kind="wait", needs=needs, value=b'{"for":3}')
    if kind < 0.25:
        return StepPlan(name=name, kind="set", needs=needs, ask=ASK)
    undo = Compensation(task=TaskPlan(name="undo"), ask=rng.choice((None, ASK)))
    fan = ForEach(ask=ASK, max_parallel=rng.choice((None, 1, 2)), join=rng.choice(JOINS))
    return task(
        name,
        needs=needs,
        runs_on=runs_on,
        ask=rng.choice((None, ASK)),
        for_each=fan if rng.random() < 0.3 else None,
        retry=Retry(max_attempts=rng.randint(1, 3), interval_s=0.5),
        compensate=undo if rng.random() < 0.4 else None,
        timeouts=rng.choice(
            (Timeouts(), Timeouts(queue_s=2.0), Timeouts(run_s=4.0), Timeouts(total_s=9.0))
        ),
    )


def random_graph(rng: random.Random) -> Graph:
    steps = [random_step(rng, index) for index in range(rng.randint(1, 8))]
    if len(steps) > 2 and rng.random() < 0.4:
        first = StepPlan(
            name="pick", kind="switch", ask=ASK, cases=(Case(then=(1,)), Case(then=(2,)))
        )
        steps[0] = first
        steps[1] = task("s1", needs=(0,))
        steps[2] = task("s2", needs=(0,))
    return graph(
        *steps,
        on_failure=rng.choice(("compensate", "stop")),
        output=rng.choice((None, ASK)),
        timeout_s=rng.choice((None, 60.0)),
    )


def move(story: Story, rng: random.Random) -> None:
    """Do one thing that the outside could do."""
    run = story.run
    if run.phase is RunPhase.FINISHING:
        story.decided("", output=b"1")
        return
    if rng.random() < 0.01:
        story.give(cm.Control(request=ControlRequest(command="cancel")))
        return
    node = run.nodes[rng.choice(list(run.open))]
    if node.status is NodeStatus.DECIDING:
        if rng.random() < 0.1:
            error = Failure(type="ExpressionError", message="no", retryable=False)
            story.decided(node.path, error=error)
        elif rng.random() < 0.1:
            story.decided(node.path, skip=True)
        else:
            items = [b"%d" % i for i in range(rng.randint(0, 4))]
            story.decided(node.path, output=b"{}", items=items, branch=rng.randint(-1, 1))
    elif node.status in OUT and rng.random() < 0.2:
        story.give(cm.Accepted(path=node.path, attempt=node.attempt, worker="w"))
    elif node.status in OUT:
        story.fail(node.path) if rng.random() < 0.25 else story.complete(node.path)
    else:
        timers = [e for e in open_effects(run) if isinstance(e, Timer)]
        if timers:
            story.fire(rng.choice(timers))


@pytest.mark.parametrize("start", range(4))
@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_run_ends_and_replays_exactly(start: int, seed: int) -> None:
    rng = random.Random(f"{start}:{seed}")
    story = Story(random_graph(rng))
    for _ in range(MAX_MOVES):
        if story.run.closed:
            break
        assert has_cause(story.run), story.types()
        assert not story.run.todo
        move(story, rng)
    assert story.run.closed, (story.types(), list(story.run.open))
    assert facts(story.replayed()) == facts(story.run)
