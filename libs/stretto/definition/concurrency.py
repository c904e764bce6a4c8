"""`concurrency: {key, limit, when_full}`: how many runs of one key, or steps of one key of all runs
of a workflow, may be under way at once."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from stretto.contracts.bounds import MAX_KEY_CHARS
from stretto.contracts.graph import Concurrency
from stretto.definition.container_shapes import Placed, Record
from stretto.definition.expressions import Expressions
from stretto.definition.limits import MAX_PLACES
from stretto.definition.mistakes import Report
from stretto.definition.model import ConcurrencyText, StepText
from stretto.definition.nodes import Node, Path, Scalar, quoted
from stretto.definition.references import Gathering
from stretto.definition.scalar_shapes import Choice, Number
from stretto.definition.shapes import Field, Located, Schema, wrong_type
from stretto.expression import EvaluationError, compile_template


class Key:
    """A text, number or truth value, usually an expression that gives one."""

    def read(self, node: Node, path: Path, report: Report) -> Node | None:
        if isinstance(node, Scalar) and node.value is not None and node.value != "":
            return node
        wrong_type(node, path, report, "a key (a text, usually with an expression)")
        return None

    def schema(self) -> Schema:
        return {
            "type": ["string", "number", "boolean"],
            "examples": ["${{ input.customer }}", "all"],
        }


KEY = Key()

CONCURRENCY = Record(
    "a limit of concurrency (a mapping with a key)",
    ConcurrencyText,
    {
        "key": Field(Placed(KEY), "Runs whose key is the same count together.", required=True),
        "limit": Field(
            Number("a number of runs", 1, MAX_PLACES, whole=True),
            "How many may be under way at once. Default 1.",
        ),
        "when_full": Field(
            Choice(
                "what becomes of one run more",
                {
                    "queue": "It waits until there is a place; the oldest goes first.",
                    "reject": "Its start is refused.",
                    "cancel_running": "The oldest are cancelled, and it begins when they ended.",
                },
            ),
            "What becomes of one run more. Default queue.",
        ),
    },
)


STEP_CONCURRENCY = Record(
    "a limit of concurrency (a mapping with a key)",
    ConcurrencyText,
    {
        "key": Field(
            Placed(KEY),
            "Steps whose key is the same count together, over all runs of the workflow.",
            required=True,
        ),
        "limit": Field(
            Number("a number of steps", 1, MAX_PLACES, whole=True),
            "How many may be under way at once. Default 1.",
        ),
        "when_full": Field(
            Choice(
                "what becomes of one step more",
                {
                    "queue": "It waits until there is a place; the oldest goes first.",
                    "reject": "It fails with ConcurrencyFull; its retry policy may try again.",
                    "cancel_running": "The oldest fail with Superseded, and it begins then.",
                },
            ),
            "What becomes of one step more. Default queue.",
        ),
    },
)


def settled_key(
    key: Located[Node],
    expressions: Expressions,
    into: Gathering,
    policies: dict[str, msgspec.Raw],
    report: Report,
    *,
    policy: str,
) -> str | None:
    """Check a key: one that is constant is returned; any other goes to what is worked out with the
    step's input (`policies`, by the name `policy`)."""
    node, _, path = key
    template = expressions.template(node, path, into)
    if template is None:
        return None
    if not template.is_constant:
        policies[policy] = msgspec.Raw(template.json)
        return None
    said = _decode(template.json)
    text = said if isinstance(said, str) else template.json.decode()
    if len(text) > MAX_KEY_CHARS:
        report.mistake(
            node,
            path,
            "too_large",
            f"expected a key of at most {MAX_KEY_CHARS} characters, but got {len(text)}",
        )
    return text


def check_nested(steps: Sequence[StepText], report: Report) -> None:
    """Report steps that would hold a place and wait for another one: two runs that do so in
    another order would wait for each other for ever."""
    left = [(step, "") for step in steps]
    while left:
        step, holder = left.pop()
        if step.concurrency is not None and holder:
            report.mistake(
                step.concurrency.key.node,
                step.concurrency.key.path,
                "nested",
                f"expected {quoted(step.name)} to need no place, but it is inside of "
                f"{quoted(holder)}, which holds one already",
                "give one of them no concurrency",
            )
        inner = holder or ("" if step.concurrency is None else step.name)
        left += [(each, inner) for each in _inside(step)]
        for handler in step.catch:  # the place is free when a handler takes over
            left += [(each, holder) for each in handler.inside.steps]


def _inside(step: StepText) -> Iterator[StepText]:
    if step.body.inside is not None:
        yield from step.body.inside.steps


_decode = msgspec.json.Decoder().decode


class KeyProblem(ValueError):
    """A key that cannot be worked out, or is none. The text says what was expected."""


KeyOf = Callable[[dict[str, Any]], str]
"""Takes the scope (`input`, `run`) and gives the key. Raises KeyProblem."""


def compile_key(concurrency: Concurrency) -> KeyOf:
    """Compile the key of runs of a workflow, for many starts."""
    template = compile_template(_decode(concurrency.key))

    def key_of(scope: dict[str, Any]) -> str:
        try:
            value = template.evaluate(scope)
        except EvaluationError as error:
            raise KeyProblem(f"{error.message} [{error.code}]") from error
        if isinstance(value, bool | int | float):
            value = msgspec.json.encode(value).decode()
        if not isinstance(value, str) or not 0 < len(value) <= MAX_KEY_CHARS or "\0" in value:
            got = msgspec.json.encode(value).decode()[:80]
            raise KeyProblem(
                f"expected a text of 1 to {MAX_KEY_CHARS} characters, a number or a truth value, "
                f"but got {got}"
            )
        return value

    return key_of
