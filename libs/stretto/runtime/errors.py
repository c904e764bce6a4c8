"""The errors of Stretto, as one tree.

::

    Rejection   value        understood and refused       answered with a code, acknowledged, INFO
    Failure     value        user code failed             an event; retried by policy; span ERROR

    StrettoError             never raised itself
    ├── TransientError       retrying may help            not acknowledged; tried again
    │   └── NotReachable     the other side did not answer: nobody listens, refused, cut off
    └── PermanentError       retrying cannot help         to the dead letters, with the reason

    AssertionError           a bug or a corrupt log       crash; nothing is acknowledged

Rejections and failures are *values* (see ``stretto.contracts``), not exceptions: they are expected
outcomes. Exceptions are for what the code that asked cannot go on with.

``code`` is stable, dotted and lower case (``bus.publish_timeout``): programs and the pages of the
documentation refer to it. ``message`` is for people, in one grammar: "expected to ..., but ...".
``detail`` holds the values, for logs; it is not parsed by anything.

Drivers are translated in one function per adapter: JetStream in ``stretto.bus.api_errors`` by
``err_code``, Postgres by SQLSTATE; never by text.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["NotReachable", "PermanentError", "StrettoError", "TransientError"]


class StrettoError(Exception):
    """An error with a stable code; raise one of its subclasses.

    Args:
        code: stable, dotted, lower case; the same for every occurrence.
        message: one sentence for a person: "expected to ..., but ...".
        detail: values for the log, by name.
    """

    def __init__(self, code: str, message: str, detail: Mapping[str, object] | None = None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.detail: dict[str, object] = dict(detail or {})

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"

    def __reduce__(self) -> tuple[type[StrettoError], tuple[str, str, dict[str, object]]]:
        # Handlers may run in a process pool: an error must survive pickling with its detail.
        return type(self), (self.code, self.message, self.detail)


class TransientError(StrettoError):
    """Trying again may help: the message is not acknowledged."""


class NotReachable(TransientError):
    """Nobody answered at the other side: refused, cut off, no responders, not up yet."""


class PermanentError(StrettoError):
    """Trying again cannot help: the message goes to the dead letters."""
