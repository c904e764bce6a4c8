"""Fields that the schema of the input marks as secret: their values are told nowhere."""

import msgspec
import pytest

from services.decision.routing.answers import Routes
from stretto.contracts.asks import AskPlan
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Failure
from stretto.contracts.public import Presence
from stretto.contracts.routes import RankQuestion, RoutePlan
from stretto.definition import compile_graph, load
from stretto.definition.secret_fields import MAX_SECRET_NAMES, secret_names
from tests.unit.decision.plans import decide

TEXT = """\
workflow: order
input:
  type: object
  properties:
    card: {type: string, format: password}
    persons:
      type: array
      items: {type: object, properties: {iban: {title: IBAN, writeOnly: true}}}
steps:
  a:
    if: input.card > '1' && input.persons[0].iban + 1 > 2
    task: t
    route: {where: device.name == input.card, prefer: "sticky(input.persons[0].iban + 1)"}
"""  # fmt: skip
INPUT = {"card": "4111222233334444", "persons": [{"iban": "DE00123412341234", "name": "Ada"}]}


def test_marks_are_found_at_any_depth() -> None:
    schema = {
        "properties": {
            "a": {"format": "password"},
            "b": {"properties": {"c": {"writeOnly": True}, "d": {"writeOnly": False}}},
            "e": True,
        },
        "anyOf": [{"properties": {"f": {"format": "password"}, "a": {"format": "password"}}}],
    }
    assert secret_names(schema) == ("a", "c", "f")
    assert secret_names(True) == ()
    assert secret_names({"properties": []}) == ()
    many = {"properties": {f"x{n}": {"writeOnly": True} for n in range(200)}}
    assert len(secret_names(many)) == MAX_SECRET_NAMES


@pytest.fixture
def plans() -> tuple[bytes, bytes]:
    """The plan of the step and that of its route."""
    loaded = load(TEXT)
    assert loaded.definition is not None, loaded.mistakes
    [step] = compile_graph(loaded.definition, 1).root.steps
    assert step.ask is not None and step.task is not None and step.task.route is not None
    return step.ask.plan, step.task.route.plan


def test_a_plan_takes_the_names_along_and_its_errors_do_not_show_the_values(
    plans: tuple[bytes, bytes],
) -> None:
    asked = msgspec.json.decode(plans[0], type=AskPlan)
    assert asked.secret == ("card", "iban")
    error = decide(plans[0], INPUT).error
    assert isinstance(error, Failure)
    assert "(input.card = " in error.message
    assert "4111" not in error.message and "DE00" not in error.message


def test_a_route_does_not_show_them_either(plans: tuple[bytes, bytes]) -> None:
    route = msgspec.json.decode(plans[1], type=RoutePlan)
    assert route.secret == ("card", "iban")
    routes = Routes(explore=0.0)
    routes.heard("default", "4111222233334444", Presence(tasks=["t"], slots=1), 0)
    question = RankQuestion(
        id="i", namespace="default", task="t", plan=msgspec.Raw(plans[1]),
        values=[msgspec.Raw(json_encode(INPUT))],
    )  # fmt: skip
    failure = routes.answer(question, 0).failure
    assert failure is not None
    assert "input.persons[0].iban = " in failure.message
    assert "DE00" not in failure.message


def test_without_marks_a_plan_is_as_before() -> None:
    loaded = load(TEXT.replace(", format: password", "").replace(", writeOnly: true", ""))
    assert loaded.definition is not None
    [step] = compile_graph(loaded.definition, 1).root.steps
    assert step.ask is not None and b"secret" not in step.ask.plan
