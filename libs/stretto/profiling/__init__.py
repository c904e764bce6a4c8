"""Where the time of runs goes: worked out from their events and their graph, by whoever asks.

Nothing is measured for it that the log does not hold: it costs nothing until somebody asks, and
any run that is in the log can be profiled, years later too.

::

    events ─► stretch.py    every step of the run as parts of time that follow one another
    graph  ─► way.py        the way from the run's end back to its start: what waited for what
           ─► profiling.py  a `RunProfile`: the way, distributions by step, task, worker
           ─► many.py       a `Profile` of many runs
           ─► advice.py     what would make it faster, in sentences

1. The parts of a step touch and together are all of its time; the pieces of the way touch and
   together are all of the run's time: nothing is counted twice and nothing is missing.
2. `run` is between the worker's own two instants, moved and cut so that they lie between the
   engine's: the clocks of two machines are not one.
"""

from stretto.profiling.many import profile_many
from stretto.profiling.profiling import profile_run
from stretto.profiling.report import Part, Piece, Profile, RunProfile, StepTimes, Times

__all__ = [
    "Part",
    "Piece",
    "Profile",
    "RunProfile",
    "StepTimes",
    "Times",
    "profile_many",
    "profile_run",
]
