"""Definitions over devices and simulated fleets, for the tests of rollouts."""

from collections.abc import Callable, Iterable

from services.testing.tested_run import TestedRun
from services.testing.world import World
from services.workflow.causes import Cause, causes
from stretto.contracts.public import Presence
from stretto.testing.replies import Attempt, Fails, Reply, Takes

UPDATE = """
workflow: update
on_failure: compensate
steps:
  install:
    for_each: {{devices: "${{{{ device.attributes.site == 'north' }}}}"}}
    task: fw.install
    with: {{device: "${{{{ item.name }}}}"}}
    {more}
    rollout: {rollout}
    compensate: {{task: fw.restore, with: {{device: "${{{{ item.name }}}}"}}}}
"""
TASKS = ["fw.install", "fw.restore"]
TAKES_S = 10.0


def update(rollout: str, more: str = "labels: {}") -> str:
    """A workflow that installs something on every device of the site `north`."""
    return UPDATE.format(rollout=rollout, more=more)


def devices(count: int, site: str = "north") -> list[Presence]:
    return [
        Presence(device=f"d-{number:03}", tasks=TASKS, attributes={"site": site})
        for number in range(count)
    ]


def installing(broken: Iterable[int] = ()) -> Callable[[Attempt], Reply]:
    """A task that takes ten seconds on each device, and fails on those of these numbers."""
    failing = {f"d-{number:03}" for number in broken}

    def install(attempt: Attempt) -> Reply:
        fails = attempt.input["device"] in failing
        return Takes(TAKES_S, Fails("Flash", "no room") if fails else {"ok": True})

    return install


def begun(definition: str, count: int, broken: Iterable[int] = ()) -> tuple[World, TestedRun]:
    """A world with a fleet, and the run of the definition in it."""
    world = World(
        definition,
        tasks={"fw.install": installing(broken), "fw.restore": lambda _: {}},
        devices=devices(count),
    )
    return world, world.start()


def told(run: TestedRun) -> Cause:
    """How far the rollout of a run says that it is."""
    return next(cause for cause in causes(run.run) if cause.cause == "rollout")


def scheduled(run: TestedRun, task: str = "fw.install") -> list[float]:
    """When each attempt of a task went out, in seconds."""
    return [
        (at_us - run.log[0][0]) / 1e6
        for at_us, event in run.log
        if getattr(event, "task", None) == task
    ]
