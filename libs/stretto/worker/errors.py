"""What a handler may raise to say more than "it failed", and what the worker refuses by itself.

Any exception of a handler becomes a `Failure` whose type is the name of the exception's class. It
is retryable unless the exception has an attribute `retryable` that is False, as these have.
"""

from stretto.contracts.failures import FailureType


class NonRetryable(Exception):
    """The attempt failed and trying again cannot help; subclass it to give a type of your own."""

    retryable = False


class InvalidInput(NonRetryable):
    """The input does not fit the handler's parameters; the message names the field."""

    failure_type = FailureType.INVALID_INPUT


class InvalidOutput(NonRetryable):
    """What the handler returned cannot be written as JSON."""

    failure_type = FailureType.INVALID_OUTPUT


class TooLarge(NonRetryable):
    """What the handler returned is over a limit of payloads (`contracts.payload`)."""

    failure_type = FailureType.TOO_LARGE


class HandlerRefused(TypeError):
    """A function cannot be a handler; raised where it is registered, says why."""
