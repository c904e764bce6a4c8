"""`signal: paid`, `signal: {name, buffered, where}`: wait until a signal of a name comes.

Its payload is the step's output. One signal is taken by one step.
"""

from typing import Any

from stretto.definition.container_shapes import Placed, Record, Short
from stretto.definition.kinds.spec import ANY_STEP, CATCHING, PER_ITEM, PLACED, TIMED, KindSpec
from stretto.definition.model import Body, SignalText
from stretto.definition.policies import SIGNAL_NAME
from stretto.definition.scalar_shapes import Flag
from stretto.definition.shapes import Field
from stretto.definition.texts import Condition

_SHAPE = Short(
    Record(
        "a signal (a name, or a mapping)",
        SignalText,
        {
            "name": Field(SIGNAL_NAME, "The name of the signal.", required=True),
            "buffered": Field(
                Flag(), "Whether one that came before the step waits is taken. Default true."
            ),
            "where": Field(
                Placed(Condition()), "Take only a signal whose payload (`signal`) fits."
            ),
        },
    ),
    SIGNAL_NAME,
    lambda name: SignalText(name=name),
)


def _body(signal: SignalText, _fields: dict[str, Any]) -> Body:
    return Body(signal=signal)


SIGNAL = KindSpec(
    name="signal",
    description="Wait for a signal; its payload is the step's output.",
    shape=_SHAPE,
    fields=ANY_STEP | PER_ITEM | PLACED | CATCHING | TIMED,
    body=_body,
)
