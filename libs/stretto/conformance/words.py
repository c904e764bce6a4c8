"""The tasks of a check, and how long their answers may take.

==============  ============================================================================
task            what its handler does
==============  ============================================================================
`check.echo`    completes with its input as output
`check.sleep`   `{"ms": n}`: takes so long, then completes; withdrawn, it stops
`check.fail`    fails
`check.large`   `{"bytes": n}`: completes with `{"text": …}`, so many letters `x`
==============  ============================================================================
"""

from stretto.conformance.stage import Stage

ECHO, SLEEP, FAIL, LARGE = "check.echo", "check.sleep", "check.fail", "check.large"

SHORT_MS = 700
"""How long a short task takes: time enough to see that it has begun."""

ANSWER_S = 5.0
"""What takes no time is answered within this."""


def knows(stage: Stage, task: str) -> bool:
    """Whether the worker has a handler; one that never said which it has may."""
    said = stage.present()
    return not said or not said[-1][1].tasks or task in said[-1][1].tasks
