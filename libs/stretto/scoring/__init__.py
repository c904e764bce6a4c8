"""Scorers: models of one's own that say what a device is expected to cost.

::

    class Nearest:
        def score(self, situations):
            return [s.load * 100 + len(s.device) for s in situations]

An entry point of the group `stretto.scorers` names something that is called without arguments and
gives a `Scorer`; `STRETTO_DECISION_SCORER=name` has the decision service use it for the strategy
`learned`, in the place of its own policy (which explores all the same, within its bound).
`STRETTO_DECISION_SCORERS=one,other` are for routes that name one: `prefer: learned(one)`.

Invariants

1. A scorer only orders devices that fit: whatever it says, none that does not is taken.
2. When it raises, takes something that is no number, or gives too few, the policy of our own
   decides: a scorer costs quality when it is lost, never an answer.
"""

from stretto.scoring.scorer import (
    GROUP,
    Scorer,
    ScorerError,
    Scorers,
    Situation,
    load_scorer,
    load_scorers,
    load_scorers_or_exit,
    scorer_names,
)

__all__ = [
    "GROUP",
    "Scorer",
    "ScorerError",
    "Scorers",
    "Situation",
    "load_scorer",
    "load_scorers",
    "load_scorers_or_exit",
    "scorer_names",
]
