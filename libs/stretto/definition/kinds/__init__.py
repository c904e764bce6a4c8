"""The kinds of step, one module each.

A new kind is a module with a `KindSpec` and a line in `KINDS`; the reader, the checks, the compiler
and the editors' schema take it from there.
"""

from stretto.definition.kinds.approval import APPROVAL
from stretto.definition.kinds.cancel import CANCEL
from stretto.definition.kinds.decide import DECIDE
from stretto.definition.kinds.emit import EMIT
from stretto.definition.kinds.fail import FAIL
from stretto.definition.kinds.repeat import REPEAT
from stretto.definition.kinds.set import SET
from stretto.definition.kinds.signal import SIGNAL
from stretto.definition.kinds.spec import KindSpec
from stretto.definition.kinds.steps import GROUP_OF_STEPS
from stretto.definition.kinds.switch import SWITCH
from stretto.definition.kinds.task import TASK
from stretto.definition.kinds.wait import WAIT
from stretto.definition.kinds.workflow import WORKFLOW

KINDS: dict[str, KindSpec] = {
    spec.name: spec
    for spec in (
        TASK, SET, SWITCH, DECIDE, WAIT, SIGNAL, APPROVAL, WORKFLOW, GROUP_OF_STEPS, REPEAT, EMIT,
        CANCEL, FAIL,
    )
}  # fmt: skip
