"""`rate: {key, limit, burst}`: how many attempts of one key may go out in a time."""

import msgspec

from stretto.contracts.admission import MAX_AMOUNT
from stretto.contracts.asks import POLICY_RATE
from stretto.contracts.graph import KeyRate
from stretto.definition.concurrency import KEY, settled_key
from stretto.definition.container_shapes import Placed, Record
from stretto.definition.expressions import Expressions
from stretto.definition.fleets import RateShape
from stretto.definition.mistakes import Report
from stretto.definition.model import RateText, TaskText
from stretto.definition.nodes import Mapping, Path
from stretto.definition.references import Gathering
from stretto.definition.scalar_shapes import Number
from stretto.definition.shapes import Field


def _check_burst(text: RateText, node: Mapping, path: Path, report: Report) -> None:
    if text.burst is not None and "limit" not in node.entries:
        report.mistake(
            node.key("burst"),
            (*path, "burst"),
            "missing",
            "expected a limit that the burst is of, but there is none",
            "write limit: 20/m",
        )


RATE = Record(
    "a rate (a mapping with a key)",
    RateText,
    {
        "key": Field(
            Placed(KEY),
            "Attempts whose key is the same count together, over all runs of the namespace.",
            required=True,
        ),
        "limit": Field(
            RateShape(),
            "How many may go out in a length of time. Default: what is configured for the queue.",
        ),
        "burst": Field(
            Number("a number of attempts", 1, MAX_AMOUNT, whole=True),
            "How many may go out at once. Default: a second's worth, at least 1.",
        ),
    },
    _check_burst,
)


def check_rate(
    task: TaskText | None,
    expressions: Expressions,
    into: Gathering,
    policies: dict[str, msgspec.Raw],
    report: Report,
) -> KeyRate | None:
    """Check the rate of a task; a key that is not constant goes to what is worked out with its
    input (`policies`)."""
    text = None if task is None else task.rate
    if text is None:
        return None
    key = settled_key(text.key, expressions, into, policies, report, policy=POLICY_RATE)
    return KeyRate(key=key, limit=text.limit, burst=text.burst)
