"""The log: one type a fact, past tense. `apply` in the workflow core is the only reader that
matters.

The tag is the `type` column of `workflow.event` and the `type` of an event on the bus; the struct
is its `data`. A shipped tag keeps its shape and its meaning for ever; a new meaning gets a new tag
(`step.failed.v2`): `tests/golden/` holds histories that a test replays.

A step is named by its path: `reserve`, `scan[3]`, `ship.pack`, `poll[2].read` for a step of a
loop's round, `charge~compensate` for the compensation of `charge`, `charge~catch.notify` for a
handler's. Payloads are JSON as it came (`msgspec.Raw`).

========  ========================================================================================
module    facts
========  ========================================================================================
runs      of a run as a whole: how it begins, waits for a place, is paused, hears a signal, ends
steps     of a step: asked for, given out, waiting, tried again, ended
reuse     of a step that takes what an equal one gave
turns     that turn a run's course: undone, gone back, forked, moved to another version
rollouts  of a `for_each` that begins its items in waves or by a rate
========  ========================================================================================
"""

from stretto.contracts.events.event import Event
from stretto.contracts.events.reuse import StepReused, StepSeeking
from stretto.contracts.events.rollouts import (
    RolloutAborted,
    RolloutAdvanced,
    RolloutPaused,
    RolloutThrottled,
)
from stretto.contracts.events.runs import (
    RunAdmitted,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunFailing,
    RunFinishing,
    RunPaused,
    RunQueued,
    RunResumed,
    RunStarted,
    RunTerminated,
    SignalReceived,
)
from stretto.contracts.events.steps import (
    StepActivated,
    StepAdmitted,
    StepApproved,
    StepBound,
    StepCancelled,
    StepChosen,
    StepCompleted,
    StepDiverted,
    StepEscalated,
    StepExpanded,
    StepFailed,
    StepFinishing,
    StepHastened,
    StepLabelled,
    StepLimited,
    StepOpened,
    StepQueued,
    StepRepeated,
    StepScheduled,
    StepSignalled,
    StepSkipped,
    StepStarted,
    StepWaiting,
)
from stretto.contracts.events.turns import (
    CompensationRetried,
    CompensationStarted,
    RunForked,
    RunMigrated,
    RunRewound,
    RunRolledBack,
    RunRollingBack,
    TakenOver,
)

COMPENSATION_SUFFIX = "~compensate"
HANDLER_SUFFIX = "~catch"

EVENT_TYPES: tuple[type[Event], ...] = (
    RunStarted,
    RunFailing,
    RunCompleted,
    RunFailed,
    RunCancelled,
    RunTerminated,
    RunFinishing,
    StepActivated,
    StepExpanded,
    StepScheduled,
    StepBound,
    StepStarted,
    StepCompleted,
    StepChosen,
    StepWaiting,
    StepFailed,
    StepSkipped,
    StepCancelled,
    StepOpened,
    StepFinishing,
    StepRepeated,
    StepSignalled,
    StepApproved,
    StepEscalated,
    SignalReceived,
    RunPaused,
    RunResumed,
    RunRewound,
    CompensationStarted,
    RunQueued,
    RunAdmitted,
    StepLimited,
    StepHastened,
    CompensationRetried,
    RunRollingBack,
    RunRolledBack,
    RunForked,
    RunMigrated,
    RolloutThrottled,
    RolloutPaused,
    RolloutAdvanced,
    RolloutAborted,
    StepQueued,
    StepAdmitted,
    StepLabelled,
    StepSeeking,
    StepReused,
    StepDiverted,
)

__all__ = [
    "COMPENSATION_SUFFIX",
    "EVENT_TYPES",
    "HANDLER_SUFFIX",
    "CompensationRetried",
    "CompensationStarted",
    "Event",
    "RolloutAborted",
    "RolloutAdvanced",
    "RolloutPaused",
    "RolloutThrottled",
    "RunAdmitted",
    "RunCancelled",
    "RunCompleted",
    "RunFailed",
    "RunFailing",
    "RunFinishing",
    "RunForked",
    "RunMigrated",
    "RunPaused",
    "RunQueued",
    "RunResumed",
    "RunRewound",
    "RunRolledBack",
    "RunRollingBack",
    "RunStarted",
    "RunTerminated",
    "SignalReceived",
    "StepActivated",
    "StepAdmitted",
    "StepApproved",
    "StepBound",
    "StepCancelled",
    "StepChosen",
    "StepCompleted",
    "StepDiverted",
    "StepEscalated",
    "StepExpanded",
    "StepFailed",
    "StepFinishing",
    "StepHastened",
    "StepLabelled",
    "StepLimited",
    "StepOpened",
    "StepQueued",
    "StepRepeated",
    "StepReused",
    "StepScheduled",
    "StepSeeking",
    "StepSignalled",
    "StepSkipped",
    "StepStarted",
    "StepWaiting",
    "TakenOver",
]
