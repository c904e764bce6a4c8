"""What is wrong with an expression, as the failure of the step that asked."""

import msgspec

from stretto.contracts.codec import json_encode
from stretto.contracts.failures import MAX_MESSAGE_CHARS, Failure, FailureType


def expression_failure(place: str, message: str, code: str) -> Failure:
    """Return the failure for a mistake at a place of a plan (`if`, `amount`, `switch[1].if`).

    Trying again cannot help: the same values give the same mistake.
    """
    text = f"{place}: {message}" if place else message
    return Failure(
        type=FailureType.EXPRESSION,
        message=text[:MAX_MESSAGE_CHARS],
        retryable=False,
        details=msgspec.Raw(json_encode({"code": code, "place": place})),
    )
