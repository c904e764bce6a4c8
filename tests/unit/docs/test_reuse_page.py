"""docs/reuse.md tells the truth: its workflows do what is said; commands and fields are there."""

import re
from pathlib import Path

import msgspec

from services.testing import Takes, World
from stretto.cli.commands.cache import cache_command
from stretto.contracts.reuse import KeptQuery, PurgeRequest
from stretto.definition.limits import MAX_REUSE_S
from stretto.telemetry import names as metric_names

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "reuse.md").read_text("utf-8")
OFFER, RENDER = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)
HISTORY = re.findall(r"```text\n(.*?)```", TEXT, flags=re.DOTALL)[0]


def test_the_second_offer_has_the_history_that_is_shown() -> None:
    world = World(OFFER, tasks={"prices.fetch": {"amount": 7}})
    world.start(value={"sku": "a", "customer": "ann"})
    run = world.start(value={"sku": "a", "customer": "bob"})

    told = [" ".join(line.split()[:2]) for line in HISTORY.splitlines() if line != "…"]
    story = [f"step.{each}" if " " in each else each for each in run.story()]
    assert story[: len(told)] == told
    assert [attempt.task for attempt in world.attempts] == [
        "prices.fetch", "offers.write", "offers.write",
    ]  # fmt: skip


def test_with_concurrency_only_one_of_equal_steps_works() -> None:
    world = World(RENDER, tasks={"pictures.render": Takes(60, {"url": "u"})})
    runs = [world.start(value={"sku": "a"}) for _ in range(3)]
    world.advance(60)

    assert [run.status for run in runs] == ["completed"] * 3
    assert len(world.attempts) == 1


def test_options_and_fields_are_there() -> None:
    options = {
        option for command in cache_command.commands.values()
        for parameter in command.params for option in parameter.opts
    }  # fmt: skip
    said = set(re.findall(r"(?<![\w-])--[a-z]+", TEXT)) - {"--decisions"}
    assert said <= options

    [query] = re.findall(r"/api/v1/cache\?([\w=&]+)`", TEXT)
    assert set(query.strip("=").split("=&")) <= {f.name for f in msgspec.structs.fields(KeptQuery)}
    [request] = re.findall(r"`(\{\"command\": .*?\})`", TEXT)
    assert msgspec.json.decode(request, type=PurgeRequest).key == "a"
    assert MAX_REUSE_S == 30 * 86_400, "the page says 30 days"


def test_metrics_are_there() -> None:
    made = {value for key, value in vars(metric_names).items() if key.startswith("METRIC_OUTPUTS_")}

    assert set(re.findall(r"stretto_workflow_outputs_\w+", TEXT)) == made
