"""What mocked tasks answer, as files of tests say it."""

from dataclasses import dataclass

from stretto.definition.container_shapes import Record, Short, Value
from stretto.definition.durations import Duration
from stretto.definition.mistakes import Report
from stretto.definition.nodes import Mapping, Node, Path, Sequence
from stretto.definition.policies import FAILURE_TYPE
from stretto.definition.records import read_fields, unknown_keys
from stretto.definition.scalar_shapes import Flag, Text
from stretto.definition.shapes import Field, Schema, wrong_type
from stretto.testing.devices import DEVICE_NAME
from stretto.testing.limits import MAX_LIST, MAX_TEXT_CHARS
from stretto.testing.replies import Calls, Fails, Given, Held, Reply, Reused, Takes, When


@dataclass(frozen=True, kw_only=True)
class _Failing:
    type: str
    message: str = "it broke"
    retryable: bool = True


FAILS = Short(
    Record(
        "a failure (a mapping)",
        _Failing,
        {
            "type": Field(FAILURE_TYPE, "What `catch` and `retry` match.", required=True),
            "message": Field(Text("a message", MAX_TEXT_CHARS, empty=True), "For people."),
            "retryable": Field(Flag(), "false: trying again cannot help."),
        },
    ),
    FAILURE_TYPE,
    lambda kind: _Failing(type=kind),
)

ANSWER: dict[str, Field] = {
    "output": Field(Value(), "What the task gives."),
    "fails": Field(FAILS, "The attempt fails: a type, or type, message and retryable."),
    "takes": Field(Duration(0.0), "How long the attempt takes."),
    "held": Field(Flag(), "true: it never answers."),
    "reused": Field(Value(), "What an equal step gave: it is taken, where there is a `cache`."),
    "when": Field(Value(), "Only for an input that holds all of this."),
    "device": Field(DEVICE_NAME, "Only on this device."),
}


class Answer:
    """What a mocked task answers: one answer, or a list: by call, or by `when`."""

    def read(self, node: Node, path: Path, report: Report) -> Reply | None:
        if not isinstance(node, Sequence):
            return _one(node, path, report)
        if not 0 < len(node.items) <= MAX_LIST:
            wrong_type(node, path, report, f"from 1 to {MAX_LIST} answers")
            return None
        read = [_one(item, (*path, index), report) for index, item in enumerate(node.items)]
        given = [each for each in read if each is not None]
        if any(isinstance(each, When) for each in given):
            return Given(*given)
        return Calls(*given) if given else None

    def schema(self) -> Schema:
        return {"anyOf": [{"type": "object"}, {"type": "array"}]}


class Nothing:
    """The output of a task that gives null: None stands for an answer that could not be read."""

    def __call__(self, _attempt: object) -> None:
        return None


def _one(node: Node, path: Path, report: Report) -> Reply | None:
    if not isinstance(node, Mapping):
        hint = f"write {{output: {node.data}}}" if not isinstance(node, Sequence) else ""
        wrong_type(node, path, report, "an answer (a mapping with output or fails)", hint)
        return None
    unknown_keys(node, path, report, ANSWER)
    values, _ = read_fields(node, path, report, ANSWER, "an answer")
    said = [name for name in ("output", "fails", "held", "reused") if name in node.entries]
    if len(said) > 1:
        report.mistake(
            node, path, "conflict",
            f"expected one of output, fails, held and reused, but got {' and '.join(said)}",
        )  # fmt: skip
        return None
    reply: Reply
    if "fails" in values:
        failing: _Failing = values["fails"]
        reply = Fails(failing.type, failing.message, failing.retryable)
    elif values.get("held"):
        reply = Held()
    elif "reused" in values:
        reply = Reused(values["reused"].data)
    else:
        data = values["output"].data if "output" in values else {}
        reply = Nothing() if data is None else data
    if "takes" in values:
        reply = Takes(values["takes"], None if isinstance(reply, Nothing) else reply)
    if "when" not in values and "device" not in values:
        return reply
    holds = values["when"].data if "when" in values else None
    return When(holds, reply, values.get("device"))
