"""docs/fleets.md tells the truth: its examples go as shown."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from services.decision.routing import expanding, fleet
from services.testing.world import World
from stretto.contracts.events import EVENT_TYPES
from stretto.contracts.public import Presence
from stretto.definition import load
from stretto.testing.replies import Attempt, Fails, Reply, Takes

PAGE = Path(__file__).parents[3] / "docs" / "fleets.md"
TEXT = PAGE.read_text(encoding="utf-8")
GOES = re.findall(r"```yaml\n(.*?)```.*?```json goes\n(.*?)```", TEXT, flags=re.DOTALL)
CASES = [
    (definition, json.loads(shown), case)
    for definition, shown in GOES
    for case in json.loads(shown)["cases"]
]
TAKES_S = 10.0


def world_of(definition: str, shown: dict[str, Any], case: dict[str, Any]) -> World:
    def reply(attempt: Attempt) -> Reply:
        name = attempt.input["device"]
        broken = name in case.get("broken", ()) and "restore" not in attempt.task
        seconds = shown.get("takes", {}).get(name, TAKES_S)
        return Takes(seconds, Fails("Broken", "no luck") if broken else {"by": name})

    tasks = set(re.findall(r"task: (\S+?)[,\s}]", definition))
    devices = [
        Presence(device=name, tasks=sorted(tasks), capabilities=["flash"], attributes=attributes)
        for name, attributes in shown["devices"].items()
    ]
    return World(definition, tasks=dict.fromkeys(tasks, reply), devices=devices)


@pytest.mark.parametrize(("definition", "shown", "case"), CASES, ids=range(len(CASES)))
def test_an_example_goes_as_shown(
    definition: str, shown: dict[str, Any], case: dict[str, Any]
) -> None:
    loaded = load(definition)
    assert [str(each) for each in (*loaded.mistakes, *loaded.warnings)] == []
    world = world_of(definition, shown, case)
    run = world.start(None, shown.get("input"))
    world.finish(run)
    assert run.status == case["status"], run.failure
    assert [f"{a.task} {a.input['device']}" for a in world.attempts] == case["order"]
    if "output" in case:
        assert run.output == case["output"]
    if "failure" in case:
        assert run.failure is not None
        assert run.failure.type == case["failure"] and case["says"] in run.failure.message
    if "at" in case:
        out = [at for at, e in run.log if e.type == "step.scheduled"]
        assert [round((at - run.log[0][0]) / 1e6) for at in out] == case["at"]


def test_its_figures_and_names_are_those_of_the_code() -> None:
    assert f"within the last {fleet.PRESENCE_TTL_US // 1_000_000} s" in TEXT
    assert f"listens for {expanding.HEARD_ALL_US // 1_000_000} s" in TEXT
    names = [kind.type for kind in EVENT_TYPES if kind.type.startswith("rollout.")]
    assert [name for name in names if f"`{name}`" not in TEXT] == []
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", TEXT):
        assert (PAGE.parent / target).exists(), target
