"""What is wrong with an expression, as the failure of the step that asked."""

from stretto.contracts.failures import MAX_MESSAGE_CHARS, Failure, FailureType


def expression_failure(place: str, message: str, code: str) -> Failure:
    """Return the failure for a mistake at a place of a plan (`if`, `amount`, `switch[1].if`).

    The stable `code` ends the message in brackets. Trying again cannot help: the same values give
    the same mistake. `details` are left out: they are JSON, and the answer travels as msgpack.
    """
    text = f"{place}: {message}" if place else message
    ending = f" [{code}]"
    return Failure(
        type=FailureType.EXPRESSION,
        message=text[: MAX_MESSAGE_CHARS - len(ending)] + ending,
        retryable=False,
    )
