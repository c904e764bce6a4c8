"""docs/routing.md tells the truth: its routes are ranked as shown, its figures are the code's."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.decision.routing import learning, observed
from services.decision.routing.answers import Routes
from services.execution.core import routed
from stretto.contracts.codec import json_encode
from stretto.contracts.public import Presence
from stretto.contracts.routes import MAX_CANDIDATES, STRATEGIES, Ranked, RankQuestion, RoutePlan
from stretto.definition import compile_graph, load

TEXT = (Path(__file__).parents[3] / "docs" / "routing.md").read_text(encoding="utf-8")
FITS = re.findall(r"```yaml\n(.*?)```.*?```json fits\n(.*?)```", TEXT, flags=re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
NOW_US = 1_000_000


def asked_of(definition: str) -> tuple[str, RoutePlan]:
    """The task and the route of the only step of an example."""
    loaded = load(definition)
    assert [str(each) for each in (*loaded.mistakes, *loaded.warnings)] == []
    assert loaded.definition is not None
    [step] = compile_graph(loaded.definition, 1).root.steps
    assert step.task is not None and step.task.route is not None
    return step.task.name, msgspec.json.decode(step.task.route.plan, type=RoutePlan)


def ask(routes: Routes, task: str, plan: RoutePlan, given: Any, id_: str) -> Ranked:
    assert plan.paths in ((), (("input",),))
    values = [msgspec.Raw(json.dumps(given).encode())] * len(plan.paths)
    question = RankQuestion(
        id=id_, namespace="default", task=task, plan=msgspec.Raw(json_encode(plan)), values=values
    )
    return routes.answer(question, NOW_US)


@pytest.mark.parametrize(("definition", "shown"), FITS, ids=range(len(FITS)))
def test_an_example_is_ranked_as_shown(definition: str, shown: str) -> None:
    task, plan = asked_of(definition)
    said = json.loads(shown)
    routes = Routes(explore=0.0)
    for name, fields in said["devices"].items():
        routes.heard("default", name, Presence(tasks=[task], **fields), NOW_US)
    for case in said["asked"]:
        answers = [ask(routes, task, plan, case["input"], f"id-{n}") for n in range(5)]
        orders = [[c.device for c in answer.candidates] for answer in answers]
        if "order" in case:
            assert orders == [case["order"]] * 5
        else:
            assert len({order[0] for order in orders}) == 1
        for reason, count in case.get("refused", {}).items():
            assert answers[0].refused[reason] == count


def test_the_worker_is_one_that_fits() -> None:
    names: dict[str, Any] = {}
    exec(compile(PYTHON[0], "routing.md", "exec"), names)
    worker = names["worker"]
    assert (worker.name, worker.slots) == ("dock-7", 4)


def test_every_strategy_is_told_and_the_figures_are_those_of_the_code() -> None:
    assert [name for name in STRATEGIES if f"`{name}`" not in TEXT] == []
    for told in (
        f"up to {MAX_CANDIDATES} devices",
        f"Not heard for {routed.RESEND_US // 1_000_000} s",
        f"looked at again every {routed.LOOK_AGAIN_US // 1_000_000} s",
        f"{routed.RETURN_US // 1_000_000} s after its last word",
        f"After {observed.FIRST_ASIDE_US // 1_000_000} s one attempt",
        f"after {observed.TRY_US // 1_000_000} s or more",
        f"{learning.FAILURE_COST_MS:,.0f} more for a failure",
        f"at most {learning.EXPLORE:.0%}".replace("%", " %"),
        f"({learning.UNSURE_MS:.0f} ms, falling",
    ):
        assert told in TEXT, told
