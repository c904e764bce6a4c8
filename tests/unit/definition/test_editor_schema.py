"""The JSON Schema that editors use: it takes what the language takes."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from stretto.definition import json_schema, template_json_schema
from stretto.definition.kinds import KINDS
from tests.unit.definition.broken import Broken
from tests.unit.definition.broken_documents import DOCUMENTS
from tests.unit.definition.templates import CHARGE

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "definition"


def schema_says(text: str) -> bool:
    validator = jsonschema_rs.validator_for(json_schema(), offline=True)
    return validator.is_valid(yaml.safe_load(text))


def test_it_is_a_json_schema() -> None:
    assert jsonschema_rs.meta.is_valid(json_schema())


def test_it_takes_the_golden_definition() -> None:
    assert schema_says((GOLDEN / "order.yaml").read_text())


@pytest.mark.parametrize(
    "step",
    [
        "{task: t, needs: a}", "{task: t, retry: {max_attempts: 2}, timeout: 5s}",
        "{task: t, timeout: {run: 5s, total: 2}}", "{set: {x: 1}, for_each: [1], join: any}",
        "{wait: 5s}", "{wait: {until: '${{ input.x }}'}}", "{wait: '${{ input.x }}'}",
        "{fail: x}", "{fail: {message: x, retryable: false}}", "{switch: [{if: true, then: a}]}",
        "{switch: [{else: [a, b]}]}", "{task: t, compensate: {task: u, with: {}}}",
        "{task: t, for_each: '${{ input.x }}', join: {at_least: 80%}}", "{signal: s, timeout: 5s}",
        "{signal: {name: s, buffered: false, where: signal.x}}", "{approval: {}}",
        "{approval: {by: a, timeout: 1h, escalate: {after: 5m, to: [b]}}}", "{emit: {x: 1}}",
        "{workflow: w, with: {x: 1}, retry: {max_attempts: 2}, timeout: {total: 5s}}",
        "{workflow: {name: w, version: 3, wait: false, cancel: false}}",
        "{steps: {b: {task: t}}, output: {x: 1}, for_each: [1], timeout: 5s}",
        "{repeat: {steps: {b: {steps: {c: {task: t}}}}, until: true, limit: 3, every: 1s}}",
        "{task: t, catch: [{'on': X, steps: {b: {task: t}}}, {output: null}]}",
        "{use: t}", "{use: t@3, with: {x: 1}, for_each: [1], output: 1}", "{use: t@stable}",
        "{workflow: w@3}", "{workflow: {name: w, version: stable}}",
    ],
)  # fmt: skip
def test_it_takes_every_form_of_a_step(step: str) -> None:
    assert schema_says(f"workflow: w\nsteps: {{a: {step}}}\n")


@pytest.mark.parametrize(
    "broken", [b for b in DOCUMENTS if b.name.startswith("unknown")][:3], ids=lambda b: b.name
)
def test_it_refuses_unknown_keys(broken: Broken) -> None:
    assert not schema_says(broken.text)


@pytest.mark.parametrize(
    "step",
    ["{}", "{task: t, set: {}}", "{tsk: t}", "{task: t, timeout: soon}", "{fail: x, retry: {}}",
     "{task: t, retry: {max_attempts: 0}}", "{task: t, queue: Q}", "{switch: []}", "{wait: {}}",
     "{steps: {}}", "{steps: {b: {tsk: t}}}", "{repeat: {until: true}}", "{signal: {}}",
     "{approval: {escalate: {after: 5m}}}", "{workflow: {version: 1}}", "{emit: x}",
     "{task: t, catch: [{'on': X}]}", "{task: t, output: 1}", "{repeat: {steps: {b: {task: t}}}}"],
)  # fmt: skip
def test_it_refuses_what_is_wrong_in_form(step: str) -> None:
    assert not schema_says(f"workflow: w\nsteps: {{a: {step}}}\n")


def test_every_field_and_kind_is_described() -> None:
    schema = json_schema()
    steps = schema["$defs"]["step"]["oneOf"]

    assert [step["title"] for step in steps] == [*KINDS, "use"]
    undescribed = [path for path in _properties(schema, "") if not path[1].get("description")]
    assert undescribed == []


def _properties(schema: Any, path: str) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    if isinstance(schema, dict):
        for name, inner in schema.get("properties", {}).items():
            found.append((f"{path}.{name}", inner))
        for key, inner in schema.items():
            found += _properties(inner, f"{path}.{key}")
    elif isinstance(schema, list):
        for inner in schema:
            found += _properties(inner, path)
    return found


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        (CHARGE, True),
        (CHARGE.replace("max_attempts: 3", 'max_attempts: "${{ params.rate }}"'), True),
        (CHARGE.replace("max_attempts: 3", "max_attempts: many"), False),
        ("template: t\nuse: other@2\nwith: {a: 1}\n", True),
        ("template: t\nsteps: {a: {use: other}}\non_failure: '${{ params.x }}'\n", True),
        ("template: t\nsteps: {a: {tsk: t}}\n", False),
        ("template: T\nsteps: {a: {task: t}}\n", False),
        ("template: t\nworkflow: w\nsteps: {a: {task: t}}\n", False),
        ("template: t\nparameters: {a-b: string}\nsteps: {a: {task: t}}\n", False),
        ("template: t\n", False),
    ],
)
def test_it_knows_templates_and_where_parameters_may_stand(text: str, fits: bool) -> None:
    schema = template_json_schema()

    assert jsonschema_rs.meta.is_valid(schema)
    assert jsonschema_rs.validator_for(schema, offline=True).is_valid(yaml.safe_load(text)) == fits


def test_it_takes_a_definition_that_is_a_template_or_has_steps() -> None:
    assert schema_says("workflow: w\nuse: t\nwith: {a: 1}\n")
    assert not schema_says("workflow: w\n")
