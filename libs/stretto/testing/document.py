"""A file of tests in YAML: its shape, and every mistake with its place.

Read by the same reader as definitions, so that places, suggestions and limits are the same.
"""

from dataclasses import dataclass, field
from typing import Any

from stretto.definition.container_shapes import ListOf, MapOf, Placed, Record, Short, Value
from stretto.definition.durations import Duration
from stretto.definition.mistakes import Report
from stretto.definition.nodes import Mapping, Node, Path, quoted
from stretto.definition.policies import FAILURE_TYPE, SIGNAL_NAME, TASK_NAME
from stretto.definition.records import read_fields, record_schema, unknown_keys
from stretto.definition.scalar_shapes import Choice, Name, Number, Text
from stretto.definition.shapes import Field, Located, Schema, wrong_type
from stretto.testing.answers import Answer
from stretto.testing.devices import DEVICE, DEVICE_NAME, DeviceText
from stretto.testing.limits import MAX_LIST, MAX_NAME_CHARS, MAX_TESTS, MAX_TEXT_CHARS
from stretto.testing.replies import Reply
from stretto.testing.scene import REFUSED, Act

STATUSES = {
    "completed": "It ended as it should.",
    "failed": "It ended with a failure.",
    "cancelled": "It was cancelled.",
    "terminated": "It was ended at once.",
    "running": "It is open when nothing is due any more.",
    "paused": "It is paused when nothing is due any more.",
    "failing": "It has failed, and undoes still what it did.",
    "blocked": "What it did could not be undone: a person decides.",
    REFUSED: "It was not started: its input or its key does not fit, or there is no place.",
}
STEP_STATUSES = {
    "completed": "It has its output.",
    "failed": "It failed for good.",
    "skipped": "It was not wanted.",
    "cancelled": "It was open, and not wanted any more.",
    "waiting": "It waits for an instant, a signal or a person.",
    "scheduled": "An attempt is out.",
    "pending": "The run has not come to it.",
}

PATH = Name(
    "the path of a step",
    r"[a-z0-9][A-Za-z0-9_.\[\]~-]*",
    "like charge, scan[3] or ship.pack",
    lambda text: text.strip(),
)


@dataclass(frozen=True, kw_only=True)
class StepExpected:
    """What is expected of one step; what is None is not looked at."""

    status: str | None = None
    attempts: float | None = None
    input: Node | None = None
    output: Node | None = None
    failure: str | None = None
    device: str | None = None


@dataclass(frozen=True, kw_only=True)
class Took:
    """Bounds of a length of virtual time, in seconds."""

    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What is expected of a run; what is None is not looked at."""

    status: Located[str] | None = None
    output: Located[Node] | None = None
    failure: Located[str] | None = None
    message: Located[str] | None = None
    path: Located[list[Located[str]]] | None = None
    ran: Located[list[Located[str]]] | None = None
    skipped: Located[list[Located[str]]] | None = None
    not_run: Located[list[Located[str]]] | None = None
    compensated: Located[list[Located[str]]] | None = None
    steps: dict[str, Located[StepExpected]] = field(default_factory=dict)
    calls: dict[str, Located[float]] = field(default_factory=dict)
    emitted: Located[Node] | None = None
    took: Located[Took] | None = None


@dataclass(frozen=True, kw_only=True)
class TestText:
    """One test of a file."""

    __test__ = False

    name: Located[str]
    input: Located[Node] | None = None
    tasks: dict[str, Located[Reply]] = field(default_factory=dict)
    steps: dict[str, Located[Reply]] = field(default_factory=dict)
    devices: dict[str, DeviceText] = field(default_factory=dict)
    do: list[Located[Act]] = field(default_factory=list)
    until: float | None = None
    expect: Located[Expected] | None = None


@dataclass(frozen=True, kw_only=True)
class FileText:
    """A file of tests."""

    workflow: Located[str]
    tests: list[TestText]
    children: list[Located[str]] = field(default_factory=list)
    templates: list[Located[str]] = field(default_factory=list)
    tasks: dict[str, Located[Reply]] = field(default_factory=dict)
    steps: dict[str, Located[Reply]] = field(default_factory=dict)
    devices: dict[str, DeviceText] = field(default_factory=dict)


# --- acts

_COMMANDS = {
    "signal": "name",
    "approve": "step",
    "reject": "step",
    "skip": "step",
    "retry": "step",
    "rewind": "step",
    "cancel": "reason",
    "terminate": "reason",
    "pause": "reason",
    "resume": "reason",
}
"""What a person does, and the field of the command that its value is."""

_NO_VALUE = frozenset({"approve", "reject", "retry", "cancel", "terminate", "pause", "resume"})
"""These may be written without a value (`approve:`)."""

ACT: dict[str, Field] = {
    "at": Field(Duration(0.0), "When: since the start of the run. Default: at once."),
    "with": Field(Value(), "What the signal brings."),
    "by": Field(Text("who does it", MAX_NAME_CHARS), "Who does it."),
    "reason": Field(Text("a reason", MAX_TEXT_CHARS), "Why."),
    "signal": Field(SIGNAL_NAME, "Send a signal."),
    **{
        command: Field(Value(), f"Tell the run to {command}; the {of} may be its value.")
        for command, of in _COMMANDS.items()
        if command != "signal"
    },
}


class ActShape:
    """What a person does to the run, and when."""

    def read(self, node: Node, path: Path, report: Report) -> Act | None:
        if not isinstance(node, Mapping):
            wrong_type(node, path, report, "what is done (a mapping such as {at: 2h, signal: go})")
            return None
        unknown_keys(node, path, report, ACT)
        values, _ = read_fields(node, path, report, ACT, "what is done")
        commands = [name for name in _COMMANDS if name in node.entries]
        if len(commands) != 1:
            got = " and ".join(commands) or "none"
            report.mistake(
                node, path, "conflict",
                f"expected one of {', '.join(_COMMANDS)}, but got {got}",
            )  # fmt: skip
            return None
        command = commands[0]
        fields = _fields_of(command, node.entries[command], (*path, command), report)
        if "with" in values:
            fields["payload"] = values["with"].data
        fields |= {name: values[name] for name in ("by", "reason") if name in values}
        return Act(at_s=values.get("at", 0.0), command=command, fields=fields)

    def schema(self) -> Schema:
        return {"type": "object"}


def _fields_of(command: str, node: Node, path: Path, report: Report) -> dict[str, Any]:
    value = node.data
    if value is None and command in _NO_VALUE:
        return {}
    if not isinstance(value, str):
        wrong_type(node, path, report, f"the {_COMMANDS[command]} of {quoted(command)}")
        return {}
    return {_COMMANDS[command]: value}


# --- what is expected

_PATHS = Placed(ListOf("the path of a step or a list of them", Placed(PATH), MAX_LIST, lone=True))
_COUNT = Number("a number of times", 0, 1_000_000, whole=True)

STEP_EXPECTED = Record(
    "what is expected of a step (a mapping)",
    StepExpected,
    {
        "status": Field(Choice("a status", STEP_STATUSES), "How it ended."),
        "attempts": Field(_COUNT, "How often it was tried."),
        "input": Field(Value(), "What the input holds at least."),
        "output": Field(Value(), "What the output holds at least."),
        "failure": Field(FAILURE_TYPE, "The type of its failure."),
        "device": Field(DEVICE_NAME, "The device that it went to at last."),
    },
)

TOOK = Short(
    Record(
        "how long it took (a duration, or at_least and at_most)",
        Took,
        {
            "at_least": Field(Duration(0.0), "The least."),
            "at_most": Field(Duration(0.0), "The most."),
        },
    ),
    Duration(0.0),
    lambda seconds: Took(at_least=seconds, at_most=seconds),
)

EXPECTED: dict[str, Field] = {
    "status": Field(Placed(Choice("a status", STATUSES)), "How the run ends. Default completed."),
    "output": Field(Placed(Value()), "The output of the run, all of it."),
    "failure": Field(Placed(FAILURE_TYPE), "The type of the run's failure."),
    "message": Field(Placed(Text("a text", MAX_TEXT_CHARS)), "What the failure's message holds."),
    "path": Field(_PATHS, "All steps that ran, in the order in which they began."),
    "ran": Field(_PATHS, "Steps that ran, in this order, others between them."),
    "skipped": Field(_PATHS, "Steps that were skipped."),
    "not_run": Field(_PATHS, "Steps that did not run: skipped, or never come to."),
    "compensated": Field(_PATHS, "All steps that were undone, in this order."),
    "steps": Field(
        MapOf("steps (a mapping)", PATH, Placed(STEP_EXPECTED), MAX_LIST), "Step by step."
    ),
    "calls": Field(
        MapOf("numbers of calls by task", TASK_NAME, Placed(_COUNT), MAX_LIST),
        "How often each task was asked for.",
    ),
    "emitted": Field(Placed(Value()), "The data of all that was emitted, a list in order."),
    "took": Field(Placed(TOOK), "Virtual time from the start to the end."),
}

_ANSWERS = Placed(Answer())
_DEVICES = MapOf("devices by name", DEVICE_NAME, DEVICE, MAX_LIST)
_NAME = Text("the name of the test", MAX_NAME_CHARS)

TEST = Record(
    "a test (a mapping)",
    TestText,
    {
        "name": Field(Placed(_NAME), "What is claimed.", required=True),
        "input": Field(Placed(Value()), "The input of the run."),
        "tasks": Field(
            MapOf("answers by task", TASK_NAME, _ANSWERS, MAX_LIST), "What tasks answer."
        ),
        "steps": Field(
            MapOf("answers by step", PATH, _ANSWERS, MAX_LIST), "What the task of a step answers."
        ),
        "devices": Field(_DEVICES, "Devices that are present in this test, too."),
        "do": Field(
            ListOf("what is done, a list", Placed(ActShape()), MAX_LIST),
            "What happens from outside, and when.",
        ),
        "until": Field(Duration(), "When to stop; default: when nothing is due any more."),
        "expect": Field(
            Placed(Record("what is expected (a mapping)", Expected, EXPECTED)), "What is expected."
        ),
    },
)

_FILES = ListOf(
    "a file or a list of them",
    Placed(Text("the name of a file", MAX_TEXT_CHARS)),
    MAX_LIST,
    lone=True,
)

FILE: dict[str, Field] = {
    "workflow": Field(
        Placed(Text("the file of the definition", MAX_TEXT_CHARS)),
        "The file of the definition, as seen from this one.",
        required=True,
    ),
    "children": Field(_FILES, "The files of the workflows that it starts."),
    "templates": Field(_FILES, "The files of the templates that they use."),
    "tasks": Field(
        MapOf("answers by task", TASK_NAME, _ANSWERS, MAX_LIST), "What tasks answer in all tests."
    ),
    "steps": Field(
        MapOf("answers by step", PATH, _ANSWERS, MAX_LIST),
        "What the task of a step answers in all tests.",
    ),
    "devices": Field(_DEVICES, "The devices that are present: attempts with a route go to them."),
    "tests": Field(ListOf("a list of tests", TEST, MAX_TESTS), "The tests.", required=True),
}


def json_schema() -> Schema:
    """Write the JSON Schema of a file of tests, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tests of a Stretto workflow",
        **record_schema(FILE),
    }


def read_file(node: Node, report: Report) -> FileText | None:
    """Read a document of tests; None where too little of it is right to go on."""
    if not isinstance(node, Mapping):
        wrong_type(node, (), report, "a mapping with the keys workflow and tests")
        return None
    unknown_keys(node, (), report, FILE)
    values, complete = read_fields(node, (), report, FILE, "a file of tests")
    return FileText(**values) if complete else None
