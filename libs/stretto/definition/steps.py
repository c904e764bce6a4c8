"""One step: its kind, and the fields that its kind takes."""

from typing import Any

import msgspec

from stretto.contracts.graph import RolloutPlan
from stretto.definition.admission import (
    PRIORITY_FIELD,
    RESOURCES_FIELD,
    STEP_PRIORITY_FIELD,
    check_resources,
)
from stretto.definition.catching import CATCH
from stretto.definition.concurrency import STEP_CONCURRENCY
from stretto.definition.container_shapes import Placed, Record, Value
from stretto.definition.fleets import ROLLOUT, ForEach
from stretto.definition.inside import OUTPUT, STEPS
from stretto.definition.kinds import KINDS
from stretto.definition.kinds.spec import KindSpec
from stretto.definition.limits import MAX_DESCRIPTION_CHARS, MAX_PARALLEL
from stretto.definition.mistakes import Report
from stretto.definition.model import (
    Body,
    CompensateText,
    DevicesText,
    NeedsText,
    RetryText,
    StepText,
    TaskText,
    TimeoutText,
)
from stretto.definition.needs import NEEDS
from stretto.definition.nodes import Mapping, Node, Path, quoted
from stretto.definition.policies import (
    JOIN,
    LABEL_TEXT,
    QUEUE_NAME,
    TASK_NAME,
    labels_with,
)
from stretto.definition.rates import RATE
from stretto.definition.records import read_fields, unknown_keys
from stretto.definition.retry_timeout import RETRY, STEP_RETRY, STEP_TIMEOUT, TIMEOUT, OrExpression
from stretto.definition.reuse import CACHE
from stretto.definition.routes import ROUTE
from stretto.definition.scalar_shapes import Choice, Number, Text
from stretto.definition.shapes import Field, Located, wrong_type
from stretto.definition.texts import Condition

DESCRIPTION = Text("a description", MAX_DESCRIPTION_CHARS, empty=True)

_WITH = Field(
    Placed(Value("a mapping of inputs")),
    "What the task is given; values may hold ${{ expressions }}.",
)
_QUEUE = Field(QUEUE_NAME, "The queue whose workers do it. Default: one whose workers know it.")
_ROUTE = Field(ROUTE, "On which device it may run. Default: on any worker of its queue.")
_RATE = Field(RATE, "How many attempts of one key may go out in a time.")
_RETRY_WORDS = "When a failed attempt is tried again. Default: never."
_TIMEOUT_WORDS = (
    "Limits of time; a plain duration limits each attempt of a task, and all of other steps."
)


def _check_compensate(made: CompensateText, node: Mapping, path: Path, report: Report) -> None:
    check_resources(node, path, made.task.name, report)


_OF_TASKS = ("queue", "route", "priority", "resources", "rate")


def _make_compensate(
    task: str,
    retry: RetryText | None = None,
    timeout: TimeoutText | None = None,
    **others: Any,
) -> CompensateText:
    return CompensateText(
        task=TaskText(
            name=task,
            inputs=others.get("with"),
            **{field: others[field] for field in _OF_TASKS if field in others},
        ),
        retry=retry or RetryText(),
        timeout=timeout or TimeoutText(),
    )


COMPENSATE = Record(
    "a compensation (a mapping with a task)",
    _make_compensate,
    {
        "task": Field(TASK_NAME, "The task that undoes the step.", required=True),
        "with": _WITH,
        "queue": _QUEUE,
        "route": _ROUTE,
        "priority": PRIORITY_FIELD,
        "resources": RESOURCES_FIELD,
        "rate": _RATE,
        "retry": Field(RETRY, _RETRY_WORDS),
        "timeout": Field(TIMEOUT, _TIMEOUT_WORDS),
    },
    _check_compensate,
)

FIELDS: dict[str, Field] = {
    "description": Field(DESCRIPTION, "What the step is for."),
    "needs": Field(NEEDS, "Steps that end before this one begins: all of them, or so many."),
    "if": Field(Placed(Condition()), "Run the step only if this is true."),
    "for_each": Field(
        Placed(ForEach()), "Do the step for every item (item, index) of a list, or device."
    ),
    "rollout": Field(ROLLOUT, "Begin with some of the items, and go on when these succeed."),
    "max_parallel": Field(
        Number("a number of items", 1, MAX_PARALLEL, whole=True),
        "How many items are worked on at once. Default: all.",
    ),
    "join": Field(JOIN, "How many items must complete. Default: all."),
    "rest": Field(
        Choice(
            "what becomes of the other items",
            {"cancel": "They are cancelled.", "run": "Those that have begun run on, unheeded."},
        ),
        "What becomes of the other items when enough have completed. Default cancel.",
    ),
    "with": _WITH,
    "queue": _QUEUE,
    "route": _ROUTE,
    "priority": STEP_PRIORITY_FIELD,
    "resources": RESOURCES_FIELD,
    "rate": _RATE,
    "retry": Field(STEP_RETRY, _RETRY_WORDS),
    "timeout": Field(STEP_TIMEOUT, _TIMEOUT_WORDS),
    "compensate": Field(COMPENSATE, "What undoes the step when the run fails later."),
    "catch": Field(CATCH, "What is done instead when the step has failed."),
    "output": OUTPUT,
    "labels": Field(labels_with(OrExpression(LABEL_TEXT)), "Names and strings to search by."),
    "concurrency": Field(STEP_CONCURRENCY, "How many steps of one key may be under way at once."),
    "cache": Field(CACHE, "How long what the step gives is reused by equal steps."),
}
"""Every field of a step beside the key of its kind."""

_KNOWN: dict[str, object] = {**KINDS, **FIELDS}


def read_step(name: str, node: Node, path: Path, report: Report) -> StepText:
    """Read a step; what is wrong with it is reported, and what is right of it is kept."""
    if not isinstance(node, Mapping):
        kinds = ", ".join(KINDS)
        wrong_type(node, path, report, f"a step (a mapping with one of {kinds})")
        return StepText(name=name, node=node, path=path, kind=None)
    strange = unknown_keys(node, path, report, _KNOWN)
    spec = _kind_of(node, path, report, strange)
    values, _ = read_fields(node, path, report, FIELDS, "a step")
    body = Body()
    if spec is not None:
        value = spec.shape.read(node.entries[spec.name], (*path, spec.name), report)
        _check_fields(spec, node, path, report)
        if spec.name != "task":
            _check_timeout(spec, node, path, report)
        if spec.name == "task" and isinstance(value, str):
            check_resources(node, path, value, report)
        body = Body() if value is None else spec.body(value, values)
    if "for_each" not in node.entries:
        for field in ("max_parallel", "join", "rest", "rollout"):
            if field in node.entries:
                _not_without_for_each(field, node, path, report)
    return StepText(
        name=name,
        node=node,
        path=path,
        kind=None if spec is None else spec.name,
        body=body,
        needs=values.get("needs", NeedsText()),
        condition=values.get("if"),
        **_for_each(values.get("for_each")),
        rollout=_rollout(values),
        catch=tuple(values.get("catch", ())),
        **{field: values[field] for field in _AS_THEY_ARE if field in values},
    )


def _for_each(located: Located[Node | DevicesText] | None) -> dict[str, Any]:
    """What a step is done for, as fields of its text."""
    if located is None:
        return {}
    value, node, path = located
    devices = value if isinstance(value, DevicesText) else None
    return {"for_each": Located(node, node, path), "devices": devices}


def _rollout(values: dict[str, Any]) -> RolloutPlan | None:
    """The rollout of a step; a `join` beside it makes it one that a quorum settles."""
    rollout: RolloutPlan | None = values.get("rollout")
    if rollout is None or "join" not in values:
        return rollout
    return msgspec.structs.replace(rollout, quorum=True)


_AS_THEY_ARE = (
    "max_parallel", "join", "rest", "retry", "timeout", "compensate", "labels", "description",
    "concurrency", "cache",
)  # fmt: skip


def _kind_of(node: Mapping, path: Path, report: Report, strange: list[str]) -> KindSpec | None:
    """Find the one kind of a step, or report that there is none, or more than one."""
    given = [key for key in node.entries if key in KINDS]
    if len(given) > 1:
        report.mistake(
            node.key(given[1]),
            (*path, given[1]),
            "two_kinds",
            f"expected a step of one kind, but it is both {quoted(given[0])} and "
            f"{quoted(given[1])}",
            "make two steps of it",
        )
        return None
    if not given:
        if not any(key == "<<" or report.meant(key, KINDS) for key in strange):
            report.mistake(
                node,
                path,
                "missing",
                f"expected a step to have a kind ({', '.join(KINDS)}), but it has none",
            )
        return None
    return KINDS[given[0]]


def _check_fields(spec: KindSpec, node: Mapping, path: Path, report: Report) -> None:
    for field in FIELDS:
        if field in node.entries and field not in spec.fields:
            kinds = " or ".join(kind.name for kind in KINDS.values() if field in kind.fields)
            report.mistake(
                node.key(field),
                (*path, field),
                "not_for_kind",
                f"expected {quoted(field)} in a step of kind {kinds}, but this one is of kind "
                f"{spec.name}",
            )


_OF_ATTEMPTS = ("run", "queue", "heartbeat")
"""Timeouts of what a worker does."""


def _check_timeout(spec: KindSpec, node: Mapping, path: Path, report: Report) -> None:
    timeout = node.entries.get("timeout")
    if isinstance(timeout, Mapping) and "timeout" in spec.fields:
        for name in _OF_ATTEMPTS:
            if name in timeout.entries:
                report.mistake(
                    timeout.key(name),
                    (*path, "timeout", name),
                    "not_for_kind",
                    f"expected {quoted(name)} in the timeout of a task, but this step is of kind "
                    f"{spec.name}",
                    "its timeout is a duration",
                )


def _not_without_for_each(field: str, node: Mapping, path: Path, report: Report) -> None:
    report.mistake(
        node.key(field),
        (*path, field),
        "not_for_kind",
        f"expected {quoted(field)} in a step with for_each, but this one has none",
    )


STEPS.bind(read_step)
