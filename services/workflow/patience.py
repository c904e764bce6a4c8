"""Whether it pays to wait for the answers to a small round's questions before it is committed.

An answer that comes within the time of a commit saves one: what follows from it goes with the round
(ADR 0008). Both times are measured as they come; where the answers are slower, a round now and then
tries again.
"""

ANSWERED_SOON_S = 0.002
"""For so long a round waits at most, and all who have come after it with it."""

TRY_AGAIN_ROUNDS = 100
"""Of so many small rounds one waits, though the last ones waited in vain."""

_WEIGHT = 0.1
"""Of the newest time in the mean: some ten rounds are remembered."""


class Patience:
    """The two times, in seconds, and what follows from them."""

    def __init__(self) -> None:
        self._answer_s = 0.0
        self._commit_s = ANSWERED_SOON_S
        self._left_out = 0

    def pays(self) -> bool:
        """Whether this round should wait."""
        if self._answer_s < self._commit_s:
            return True
        self._left_out += 1
        if self._left_out < TRY_AGAIN_ROUNDS:
            return False
        self._left_out = 0
        return True

    def answered(self, took_s: float) -> None:
        """A round has waited for so long; `ANSWERED_SOON_S` or more: in vain."""
        self._answer_s += (took_s - self._answer_s) * _WEIGHT

    def committed(self, took_s: float) -> None:
        """A small round was committed in so long."""
        self._commit_s += (took_s - self._commit_s) * _WEIGHT
