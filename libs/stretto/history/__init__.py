"""Histories of runs read from outside: what happened step by step, two of them compared, and a
whole history as a document that another installation takes.

::

    events ─ passage ─► Passage ─┐
                                 ├─ comparing ─► differences, the first one first
    events ─ passage ─► Passage ─┘
    events + head + definition ─ document ─► JSON, with a digest ─► document ─► the same, checked

No engine is needed for any of this: a history tells all by itself. Pure; nothing is asked here.
"""

from stretto.history.comparing import Difference, compare
from stretto.history.outputs import Outputs
from stretto.history.passage import Fact, Passage, StepPassage, passage_of

__all__ = ["Difference", "Fact", "Outputs", "Passage", "StepPassage", "compare", "passage_of"]
