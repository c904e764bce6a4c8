"""Results that were heard since a lane was taken: what is answered is not sent once more.

Who takes a lane asks the workflow service for what is open. Of an attempt whose result is on its
way just then the service does not know yet: it is dispatched again, and here nobody remembers it.
"""

from collections.abc import Iterable

MAX_ANSWERED = 200_000
"""Ids, about 100 bytes each; more are not known, and a worker may answer twice."""


class Answered:
    """See the module's docstring. It takes ids until it is `closed`, and forgets them then."""

    def __init__(self) -> None:
        self.open = True
        self._ids: set[str] = set()

    def __contains__(self, id_: str) -> bool:
        return id_ in self._ids

    def note(self, ids: Iterable[str]) -> None:
        """Take note of results."""
        if len(self._ids) < MAX_ANSWERED:
            self._ids.update(ids)

    def clear(self) -> None:
        """Forget what is known: the results are lost, and who asks again has not seen them."""
        self._ids.clear()

    def close(self) -> None:
        """Take no more: the workflow service has all results by now."""
        self.open = False
        self._ids = set()
