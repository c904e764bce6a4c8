"""Random graphs, driven at random: every run ends, replay is exact, no run is without a cause."""

import random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.workflow.core import commands as cm
from services.workflow.core.effects import is_asked, open_effects
from services.workflow.core.nodes import Node
from services.workflow.core.statuses import OUT, NodeStatus, RunPhase
from services.workflow.core.values import value_of
from services.workflow.sweeping import has_cause
from stretto.contracts.asks import Ref
from stretto.contracts.failures import Failure
from stretto.contracts.graph import (
    ApprovalPlan,
    Cache,
    CancelPlan,
    Catch,
    ChildPlan,
    Compensation,
    Repeat,
    ScopePlan,
    SignalPlan,
    SomeOf,
)
from stretto.contracts.public import ControlRequest
from tests.unit.workflow.builders import (
    Ask,
    AskOf,
    Case,
    ForEach,
    Graph,
    Join,
    Retry,
    StepPlan,
    Story,
    TaskPlan,
    Timeouts,
    Timer,
    facts,
    graph,
    task,
)  # fmt: skip

ASK_HERE = AskOf(plan=b"{}", refs=(Ref(root="input"), Ref(root="outcome"), Ref(root="run")))
ASK = AskOf(plan=b"{}", refs=(*ASK_HERE.refs, Ref(root="step"), Ref(root="step", part="status")))
"""What every step may ask for, as there is a first step in every scope."""

MAX_MOVES = 4_000
JOINS = (Join(), Join(mode="any"), Join(mode="count", count=2), Join(mode="share", share=0.5))
LIMITS = (Timeouts(), Timeouts(), Timeouts(total_s=9.0))
SIGNALS = ("go", "stop")
COMMANDS = (
    "cancel", "pause", "skip", "rewind", "retry", "rollback", "rollback", "signal", "signal",
)  # fmt: skip
ABOUT_STEPS = ("skip", "rewind", "retry", "rollback")


def random_step(rng: random.Random, index: int, depth: int) -> StepPlan:
    needs = tuple(sorted(rng.sample(range(index), k=min(index, rng.randint(0, 3)))))
    step = msgspec.structs.replace(
        random_kind(rng, f"s{index}", index, depth),
        needs=needs,
        runs_on="always" if rng.random() < 0.15 else "success",
    )
    if len(needs) > 1 and rng.random() < 0.3:
        some = SomeOf(of=needs, count=rng.randint(1, len(needs)), cancel=rng.random() < 0.5)
        step = msgspec.structs.replace(step, some=some)
    if step.kind in ("task", "steps", "repeat", "signal", "set") and rng.random() < 0.25:
        step = msgspec.structs.replace(step, for_each=random_fan(rng))
    if step.kind not in ("cancel", "switch") and rng.random() < 0.2:
        step = msgspec.structs.replace(step, catch=random_handlers(rng, depth))
    return step


def random_fan(rng: random.Random) -> ForEach:
    limit = rng.choice((None, 1, 2))
    return ForEach(ask=ASK, max_parallel=limit, join=rng.choice(JOINS), runs_on=rng.random() < 0.3)


def random_handlers(rng: random.Random, depth: int) -> tuple[Catch, ...]:
    body = random_scope(rng, depth + 1) if depth < 2 and rng.random() < 0.6 else None
    return (
        Catch(on=("Other",), output_value=b"1"),
        Catch(
            body=body,
            output=rng.choice((None, ASK_HERE if body is None else ASK)),
            output_value=rng.choice((None, b"2")),
        ),
    )


def random_kind(rng: random.Random, name: str, index: int, depth: int) -> StepPlan:
    ask = rng.choice((None, ASK))
    limits = rng.choice(LIMITS)
    kind = rng.random()
    if kind < 0.06:
        return StepPlan(name=name, kind="set", value=b"{}", ask=ask)
    if kind < 0.12:
        return StepPlan(name=name, kind="wait", value=b'{"for":3}')
    if kind < 0.2:
        where = rng.choice((None, ASK))
        signal = SignalPlan(name=rng.choice(SIGNALS), buffered=rng.random() < 0.5, where=where)
        return StepPlan(name=name, kind="signal", signal=signal, timeouts=limits, ask=ask)
    if kind < 0.25:
        approval = ApprovalPlan(escalate_s=rng.choice((None, 2.0)), escalate_to=("b",))
        return StepPlan(name=name, kind="approval", approval=approval, timeouts=limits)
    if kind < 0.3:
        child = ChildPlan(workflow="c", wait=rng.random() < 0.7, cancel=rng.random() < 0.5)
        return StepPlan(name=name, kind="workflow", child=child, timeouts=limits, ask=ask)
    if kind < 0.33:
        return StepPlan(name=name, kind="emit", value=b"{}")
    if kind < 0.38 and index:
        targets = tuple(sorted(rng.sample(range(index), k=min(index, 2))))
        cancel = CancelPlan(steps=targets, complete=rng.random() < 0.5)
        return StepPlan(name=name, kind="cancel", cancel=cancel)
    if kind < 0.55 and depth < 2:
        return random_group(rng, name, depth)
    undo = Compensation(task=TaskPlan(name="undo"), ask=rng.choice((None, ASK)))
    return task(
        name,
        ask=ask,
        retry=Retry(max_attempts=rng.randint(1, 3), interval_s=0.5),
        compensate=undo if rng.random() < 0.4 else None,
        cache=Cache(for_s=60.0, key=rng.choice((None, "k"))) if rng.random() < 0.2 else None,
        timeouts=rng.choice((*LIMITS, Timeouts(queue_s=2.0), Timeouts(run_s=4.0))),
    )


def random_group(rng: random.Random, name: str, depth: int) -> StepPlan:
    loops = rng.random() < 0.4
    every = rng.choice((0.0, 1.0))
    return StepPlan(
        name=name,
        kind="repeat" if loops else "steps",
        body=random_scope(rng, depth + 1),
        output=rng.choice((None, ASK)),
        repeat=Repeat(until=ASK, limit=3, every_s=every) if loops else None,
        timeouts=rng.choice(LIMITS),
        ask=rng.choice((None, ASK)),
    )


def random_scope(rng: random.Random, depth: int) -> ScopePlan:
    steps = [random_step(rng, index, depth) for index in range(rng.randint(1, 3 if depth else 8))]
    return graph(*steps).root


def random_graph(rng: random.Random) -> Graph:
    steps = list(random_scope(rng, 0).steps)
    if len(steps) > 2 and rng.random() < 0.4:
        first = StepPlan(
            name="s0", kind="switch", ask=ASK, cases=(Case(then=(1,)), Case(then=(2,)))
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


def give(story: Story, command: str, **fields: Any) -> None:
    story.give(cm.Control(request=ControlRequest(command=command, **fields)))


def move(story: Story, rng: random.Random) -> None:
    """Do one thing that the outside could do."""
    run = story.run
    if run.phase is RunPhase.FINISHING:
        story.decided("", output=b"1")
        return
    if run.paused and rng.random() < 0.3:
        give(story, "resume")
    if rng.random() < 0.03:
        name = rng.choice(COMMANDS)
        step = rng.choice([*run.open, "s0", "s1"]) if name in ABOUT_STEPS else None
        give(story, name, step=step, name=rng.choice(SIGNALS), pause=rng.random() < 0.3)
        return
    if not run.open:
        give(story, "resume")
        return
    node = run.nodes[rng.choice(list(run.open))]
    if node.status in (NodeStatus.DECIDING, NodeStatus.SEEKING):
        answer_something(story, rng, node)
    elif node.status in OUT and rng.random() < 0.2 and node.plan.child is None:
        story.give(cm.Accepted(path=node.path, attempt=node.attempt, worker="w"))
    elif node.status in OUT:
        story.fail(node.path) if rng.random() < 0.25 else story.complete(node.path)
    elif node.status is NodeStatus.BLOCKED:
        give(story, rng.choice(("retry", "skip")), step=node.path)
    elif node.plan.signal is not None and node.status is NodeStatus.WAITING:
        give(story, "signal", name=node.plan.signal.name)
    elif node.plan.approval is not None and node.status is NodeStatus.WAITING:
        give(story, rng.choice(("approve", "approve", "reject")), step=node.path)
    else:
        timers = [e for e in open_effects(run) if isinstance(e, Timer)]
        if timers:
            story.fire(rng.choice(timers))


def look_for(story: Story, rng: random.Random, node: Node) -> None:
    """Find what an equal step gave, or not, or too late."""
    found = cm.Found(output=b'{"r":1}', run="r", step="s", at_us=story.now_us)
    assert node.plan.task is not None
    task_name = rng.choice((node.plan.task.name, "other"))
    turn = node.turn + (rng.random() < 0.1)
    kept = found if rng.random() < 0.5 else None
    story.give(cm.Sought(path=node.path, turn=turn, task=task_name, found=kept))


def answer_something(story: Story, rng: random.Random, node: Node) -> None:
    if node.status is NodeStatus.SEEKING:
        look_for(story, rng, node)
    else:
        decide_something(story, rng, node)


def decide_something(story: Story, rng: random.Random, node: Node) -> None:
    if rng.random() < 0.1:
        error = Failure(type="ExpressionError", message="no", retryable=False)
        story.decided(node.path, error=error)
    elif rng.random() < (0.5 if node.finishing else 0.1):
        story.decided(node.path, skip=True)
    else:
        items = [b"%d" % i for i in range(rng.randint(0, 4))]
        story.decided(node.path, output=b"{}", items=items, branch=rng.randint(-1, 1))


def look_at_asks(story: Story) -> None:
    """What is asked can be read: now, and of an earlier effect as long as it is asked."""
    run = story.run
    for effect in (*open_effects(run), *story.effects[-20:]):
        if isinstance(effect, Ask) and is_asked(run, effect):
            node = run.nodes[effect.path] if effect.path else None
            for ref in effect.ask.refs:
                value_of(run, node, ref)


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
        assert not story.run.todo or story.run.paused or story.run.rollback is not None
        move(story, rng)
        look_at_asks(story)
    assert story.run.closed, (story.types(), list(story.run.open))
    assert facts(story.replayed()) == facts(story.run)
