"""The whole document: the keys at the top, and the steps."""

from typing import Any

from stretto.definition.admission import PRIORITY_FIELD
from stretto.definition.concurrency import CONCURRENCY
from stretto.definition.container_shapes import Placed, Record, Value
from stretto.definition.durations import Duration
from stretto.definition.inside import STEPS
from stretto.definition.mistakes import Report
from stretto.definition.model import Defaults, WorkflowText
from stretto.definition.nodes import Mapping, Node, Path
from stretto.definition.policies import (
    LABELS,
    QUEUE_NAME,
    WORKFLOW_NAME,
)
from stretto.definition.records import read_fields, record_schema, unknown_keys
from stretto.definition.retry_timeout import RETRY, TIMEOUT, OrExpression
from stretto.definition.scalar_shapes import Choice
from stretto.definition.shapes import Field, Schema, wrong_type
from stretto.definition.step_schema import step_schema
from stretto.definition.steps import DESCRIPTION
from stretto.definition.use_schema import USE

DEFAULTS = Record(
    "defaults (a mapping)",
    Defaults,
    {
        "retry": Field(RETRY, "The retry policy of tasks; a step's own is laid over it."),
        "timeout": Field(TIMEOUT, "The timeouts of tasks; a step's own are laid over them."),
        "queue": Field(QUEUE_NAME, "The queue of tasks that name none."),
        "priority": PRIORITY_FIELD,
    },
)

FIELDS: dict[str, Field] = {
    "workflow": Field(WORKFLOW_NAME, "The name of the workflow.", required=True),
    "description": Field(DESCRIPTION, "What the workflow is for."),
    "input": Field(Placed(Value("a JSON Schema (a mapping)")), "The JSON Schema of a run's input."),
    "timeout": Field(OrExpression(Duration()), "How long a run may take altogether."),
    "defaults": Field(DEFAULTS, "Policies of every task that does not say otherwise."),
    "on_failure": Field(
        Choice(
            "what follows a failure",
            {
                "compensate": "Undo the completed steps, the last one first.",
                "stop": "End the run as it is.",
            },
        ),
        "What follows when a step has failed for good. Default stop.",
    ),
    "labels": Field(LABELS, "Names and strings to search by."),
    "concurrency": Field(CONCURRENCY, "How many runs of one key may be under way at once."),
    "steps": Field(STEPS, "The steps, by name.", required=True),
    "output": Field(
        Placed(Value()), "What a run gives; values may hold ${{ expressions }} over the steps."
    ),
}

ROOT: Path = ()


def read_document(node: Node, report: Report) -> WorkflowText | None:
    """Read a document; None where too little of it is right to check the rest."""
    if not isinstance(node, Mapping):
        wrong_type(node, ROOT, report, "a mapping with the keys workflow and steps")
        return None
    unknown_keys(node, ROOT, report, FIELDS)
    values, _ = read_fields(node, ROOT, report, FIELDS, "a definition")
    if "steps" not in values:
        return None
    values.setdefault("workflow", "")
    return _make(values)


def _make(values: dict[str, Any]) -> WorkflowText:
    return WorkflowText(**values)


def document_schema() -> Schema:
    """Write the JSON Schema of a definition."""
    schema = record_schema(FIELDS)
    return schema | {
        "properties": schema["properties"] | USE,
        "required": ["workflow"],
        "anyOf": [{"required": ["steps"]}, {"required": ["use"]}],
        "$defs": {"step": step_schema()},
    }
