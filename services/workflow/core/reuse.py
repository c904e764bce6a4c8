"""Reuse: a step with `cache` takes what an equal one has given, where that is not too old.

    begins ──► `step.seeking` ──► there is some: `step.reused`, it has completed
                    │   └── there is none: `step.scheduled`; what it gives is kept
                    └── `anew` (the run went back to it): `step.scheduled` at once

Steps are equal when namespace, task and key are. What is kept is outside, where all runs see it
(`services.workflow.reuse`); the core says what is to be looked for, kept and dropped:

1. Only what a worker has done is kept: no failure, nothing that a handler gave, nothing reused.
2. A step that reused has done nothing, and is not undone. What is undone is dropped when the
   undoing begins, so that nobody reuses it from then on.
3. What a run went back to, or a fork was asked to do again, is done, not reused.
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from services.workflow.core.kept import Reuse, Reuses
from services.workflow.core.nodes import Node
from services.workflow.core.state import Run
from services.workflow.core.statuses import Role
from stretto.contracts import events as ev
from stretto.contracts.payload import NULL

INPUT_KEY = "input:"
"""What the key of a step begins with that names none: a digest of its input follows."""

_DIGEST_BYTES = 16

_decode = msgspec.json.Decoder().decode


class Kept(NamedTuple):
    """A step has completed, and what it gave can be reused for `for_s` seconds."""

    task: str
    key: str
    path: str
    for_s: float
    output: bytes


class Dropped(NamedTuple):
    """What the run has kept under a key is being undone."""

    task: str
    key: str


def wants(node: Node) -> bool:
    """Whether a node with a `cache` has still to look for what an equal one gave."""
    return node.reuse is None and node.role in (Role.STEP, Role.ITEM)


def seek(node: Node, value: bytes | None, limits: ev.StepLimited | None) -> ev.StepSeeking:
    """The event of a node that looks for what an equal one gave. `value`: its input, where that was
    worked out; `limits`: what else was."""
    cache = node.plan.cache
    assert cache is not None
    given = value is not None and node.place is None  # else its place holds it
    return ev.StepSeeking(
        step=node.path,
        key=_key_of(node, value, node.limits if limits is None else limits),
        for_s=cache.for_s,
        anew=node.anew,
        given=given,
        value=msgspec.Raw(value) if given and value is not None else NULL,
    )


def _key_of(node: Node, value: bytes | None, limits: ev.StepLimited | None) -> str:
    cache, task = node.plan.cache, node.plan.task
    assert cache is not None and task is not None
    if limits is not None and limits.cache_key is not None:
        return limits.cache_key
    if cache.key is not None:
        return cache.key
    data = _decode(task.input if value is None else value)
    canonical = msgspec.json.encode(data, order="deterministic")
    return INPUT_KEY + hashlib.blake2b(canonical, digest_size=_DIGEST_BYTES).hexdigest()


def input_of(node: Node) -> bytes | None:
    """What was worked out for a node that has looked; None: its constant input."""
    assert node.reuse is not None
    return node.reuse.value if node.place is None else node.place.value


def begin_seeking(run: Run, node: Node, event: ev.StepSeeking) -> None:
    """Apply that a node looks for what an equal one gave."""
    assert node.plan.task is not None
    value = bytes(event.value) if event.given else None
    node.reuse = Reuse(node.plan.task.name, event.key, event.for_s, value)
    if run.reuses is None:
        run.reuses = Reuses()
    if event.anew:
        run.todo[node.path] = None


def found(node: Node, event: ev.StepReused) -> None:
    """Apply that a node takes what an equal one gave: it has done nothing that could be undone."""
    assert node.reuse is not None
    node.output = bytes(event.output)
    node.reuse.value = None
    node.reuse.source = (event.from_run, event.from_step)


def keep(run: Run, node: Node) -> None:
    """Apply that a node which looked in vain has completed."""
    assert node.reuse is not None and run.reuses is not None
    run.reuses.kept[node.path] = node.reuse


def changes(run: Run, event: ev.Event) -> Iterator[Kept | Dropped]:
    """What an event that was applied means for what is kept outside."""
    assert run.reuses is not None
    kept = run.reuses.kept
    if isinstance(event, ev.StepCompleted):
        reuse = kept.get(event.step)
        if reuse is not None and event.attempt:
            yield Kept(reuse.task, reuse.key, event.step, reuse.for_s, bytes(event.output))
    elif isinstance(event, ev.CompensationStarted):
        for path in event.steps:
            reuse = kept.get(path)
            if reuse is not None:
                yield Dropped(reuse.task, reuse.key)
