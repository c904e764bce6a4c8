"""`repeat: {steps, until, limit, every, output}`: the steps again and again, until a condition is
true.

In the steps `loop.index` is the number of the round (from 0) and `loop.output` what the round
before gave; in `until` it is what the round that just ended gave.
"""

from typing import Any

from stretto.definition.container_shapes import Placed, Record
from stretto.definition.durations import Duration
from stretto.definition.inside import OUTPUT, STEPS, inside_of
from stretto.definition.kinds.spec import ANY_STEP, CATCHING, PER_ITEM, PLACED, TIMED, KindSpec
from stretto.definition.limits import MAX_ROUNDS
from stretto.definition.model import Body, RepeatText
from stretto.definition.scalar_shapes import Number
from stretto.definition.shapes import Field
from stretto.definition.texts import Condition

DEFAULT_ROUNDS = 1_000


def _make(**fields: Any) -> Body:
    return Body(
        inside=inside_of(fields),
        repeat=RepeatText(
            until=fields["until"],
            limit=fields.get("limit", DEFAULT_ROUNDS),
            every=fields.get("every", 0.0),
        ),
    )


_RECORD = Record(
    "a loop (a mapping of steps and until)",
    _make,
    {
        "steps": Field(STEPS, "The steps of a round.", required=True),
        "until": Field(
            Placed(Condition()), "The loop ends after a round when this is true.", required=True
        ),
        "limit": Field(
            Number("a number of rounds", 1, MAX_ROUNDS, whole=True),
            f"With more rounds the step fails (LimitReached). Default {DEFAULT_ROUNDS}.",
        ),
        "every": Field(Duration(0.0), "The pause between two rounds. Default: none."),
        "output": OUTPUT,
    },
)


def _body(body: Body, _fields: dict[str, Any]) -> Body:
    return body


REPEAT = KindSpec(
    name="repeat",
    description="Do the steps inside again and again, until a condition is true.",
    shape=_RECORD,
    fields=ANY_STEP | PER_ITEM | PLACED | CATCHING | TIMED,
    body=_body,
)
