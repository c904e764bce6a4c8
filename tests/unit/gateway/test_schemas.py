"""The schemas in the OpenAPI document fit what is sent."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import msgspec
import pytest

from services.gateway.documented import TYPES
from services.gateway.schemas import Schemas
from stretto.contracts.answers import AttemptView, RunPage, RunSummary, RunView, StepView
from stretto.contracts.failures import Failure

RUN = RunSummary(
    run_id="r", namespace="n", workflow="w", version=1, status="failed", started_at="t",
    failure=Failure(type="T"), steps={"open": 1},
)  # fmt: skip
STEP = StepView(
    step="s",
    status="completed",
    activated_at="t",
    output=msgspec.Raw(b"[1]"),
    attempts=[AttemptView(attempt=1, status="completed", scheduled_at="t")],
)


def validator(type_: type) -> Any:
    schemas = Schemas("#/$defs/")
    schemas.add(type_)
    name = type_.__name__
    return jsonschema_rs.validator_for({"$ref": f"#/$defs/{name}", "$defs": schemas.components})


def test_answers_fit_their_schemas() -> None:
    for value in (RunPage(runs=[RUN], next="x"), RunView(run=RUN, steps=[STEP])):
        assert validator(type(value)).is_valid(msgspec.json.decode(msgspec.json.encode(value)))


def test_wrong_answers_do_not() -> None:
    for wrong in ({}, {"runs": [{}]}, {"runs": 1}, {"runs": [], "next": 1}):
        assert not validator(RunPage).is_valid(wrong)


def test_every_type_that_is_sent_has_a_schema() -> None:
    schemas = Schemas("#/components/schemas/")
    for type_ in TYPES:
        schemas.add(type_)
    assert {t.__name__ for t in TYPES} <= set(schemas.components)
    assert "additionalProperties" in schemas.components["StartBody"]


def test_a_type_that_is_not_sent_anywhere_is_a_mistake() -> None:
    class Odd(msgspec.Struct):
        when: set[int]

    with pytest.raises(AssertionError, match="not sent anywhere"):
        Schemas("").add(Odd)
