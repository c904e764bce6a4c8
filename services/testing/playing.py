"""Play a scene to its end and say what came of it."""

from typing import Any

import msgspec

from services.testing.covering import coverage_of
from services.testing.tested_run import TestedRun
from services.testing.world import World
from services.workflow.core.nodes import Node
from services.workflow.core.statuses import NodeStatus, Role
from stretto.contracts import events as ev
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Failure
from stretto.definition import validate_input
from stretto.testing.scene import REFUSED, Act, Coverage, Outcome, Scene, StepOutcome


def play(scene: Scene) -> Outcome:
    """Start the run, do what the scene says when its time comes, move the clock until nothing is
    due."""
    world = World(*scene.definitions, tasks=scene.tasks, steps=scene.steps, devices=scene.devices)
    name = scene.workflow or next(iter(world.graphs))
    problems = validate_input(world.graphs[name].input_schema)(json_encode(scene.input))
    if problems:
        message = "; ".join(str(problem) for problem in problems)
        failure = Failure(type="input_invalid", message=message, retryable=False)
        return Outcome(workflow=name, status=REFUSED, failure=failure, coverage=_covered(world))
    began_us = world.now_us
    run = world.start(name, scene.input)
    for act in sorted(scene.acts, key=lambda each: each.at_s):
        world.advance(act.at_s - (world.now_us - began_us) / 1e6)
        _do(world, run, act)
    if scene.until_s is None:
        world.finish(run)
    else:
        world.advance(scene.until_s - (world.now_us - began_us) / 1e6)
    outcome = outcome_of(world, run)
    outcome.coverage = _covered(world)
    return outcome


def _do(world: World, run: TestedRun, act: Act) -> None:
    fields: dict[str, Any] = dict(act.fields)
    if "payload" in fields:
        fields["payload"] = msgspec.Raw(json_encode(fields["payload"]))
    world.control(run, act.command, **fields)


def _covered(world: World) -> list[Coverage]:
    return [
        coverage_of(graph, [run for run in world.runs.values() if run.run.graph is graph])
        for graph in world.graphs.values()
    ]


def outcome_of(world: World, played: TestedRun) -> Outcome:
    """Say how a run of a world went."""
    if not played.log:
        return _refused(played)
    run = played.run
    outcome = Outcome(
        workflow=run.workflow,
        status=_status(played),
        output=played.output,
        failure=run.failure,
        uncompensated=list(run.uncompensated),
        calls=list(world.attempts),
        emitted=list(world.emitted),
        rejections=[f"{each.code}: {each.message}" for each in played.rejections],
        children=[outcome_of(world, child) for child in world.children(played)],
        story=[(_since(played, at_us), told) for at_us, told in _told(played)],
    )
    ended = [at_us for at_us, _ in played.log]
    outcome.took_s = _since(played, ended[-1])
    _tell_steps(outcome, played)
    if not run.closed:
        outcome.waits_for = [_waits(node) for node in run.open.values() if node.each is None]
    return outcome


def _refused(played: TestedRun) -> Outcome:
    """What became of a run that was not started."""
    why = played.rejections[0]
    failure = Failure(type=why.code, message=why.message, retryable=False)
    return Outcome(workflow=played.began_with.name, status=REFUSED, failure=failure)


def _status(played: TestedRun) -> str:
    run = played.run
    if run.closed:
        return run.phase.word
    if run.undoing is not None and run.undoing.blocked:
        return "blocked"
    return "paused" if run.paused else "failing" if run.failing else "running"


def _since(played: TestedRun, at_us: int) -> float:
    return (at_us - played.log[0][0]) / 1e6


def _told(played: TestedRun) -> list[tuple[int, str]]:
    return [(at_us, told) for (at_us, _), told in zip(played.log, played.story(), strict=True)]


def _tell_steps(outcome: Outcome, played: TestedRun) -> None:
    """Walk the log once: each step at its first event, and how it ended."""
    for at_us, event in played.log:
        path = getattr(event, "step", None)
        if path is None:
            continue
        node = played.run.nodes.get(path)
        found = outcome.steps.get(path)
        if found is None:
            kind = "" if node is None else _kind(node)
            found = StepOutcome(step=path, status="pending", kind=kind)
            found.began_s = _since(played, at_us)
            outcome.steps[path] = found
        if isinstance(event, ev.StepScheduled):
            found.attempts, found.task = event.attempt, event.task
            if bytes(event.input) != b"null":
                found.input = msgspec.json.decode(event.input)
        elif isinstance(event, ev.StepBound):
            found.device = event.device
        elif isinstance(event, ev.StepSkipped | ev.StepCancelled):
            found.reason = event.reason
        found.ended_s = _since(played, at_us)
        if node is not None and node.role is Role.COMPENSATION and _done(event):
            assert node.target is not None
            outcome.compensated.append(node.target.path)
    _finish_steps(outcome, played)


def _done(event: ev.Event) -> bool:
    return isinstance(event, ev.StepCompleted)


def _finish_steps(outcome: Outcome, played: TestedRun) -> None:
    for path, found in outcome.steps.items():
        node = played.run.nodes.get(path)
        if node is not None:
            found.status = node.status.word
            found.failure = node.failure if found.status == "failed" else None
            found.output = None if node.output is None else msgspec.json.decode(node.output)
            if not node.ended:
                found.ended_s = None
        if found.status == "skipped":
            outcome.skipped.append(path)
        elif node is None or node.role is not Role.COMPENSATION:
            outcome.path.append(path)
    never = [n for n in played.run.nodes.values() if n.path not in outcome.steps]
    for node in never:
        if node.status is NodeStatus.CANCELLED:
            outcome.steps[node.path] = StepOutcome(
                step=node.path, status="cancelled", kind=_kind(node), reason="never_began"
            )


def _kind(node: Node) -> str:
    return "compensation" if node.role is Role.COMPENSATION else node.plan.kind


def _waits(node: Node) -> str:
    plan = node.plan
    match node.status:
        case NodeStatus.WAITING if plan.signal is not None:
            what = f"the signal {plan.signal.name!r}"
        case NodeStatus.WAITING if plan.approval is not None:
            what = f"the approval of {', '.join(plan.approval.by) or 'anybody'}"
        case NodeStatus.SCHEDULED | NodeStatus.STARTED:
            what = f"an answer to attempt {node.attempt}"
        case NodeStatus.BACKOFF:
            what = f"its attempt {node.attempt + 1}"
        case NodeStatus.OPEN:
            what = "the steps inside it"
        case _:
            what = "its time"
    return f"step {node.path!r} waits for {what}"
