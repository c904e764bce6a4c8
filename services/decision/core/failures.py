"""What is wrong with an expression, as the failure of the step that asked."""

from stretto.contracts.failures import MAX_MESSAGE_CHARS, Failure, FailureType
from stretto.expression.errors import EvaluationError, ExpressionError, Spot
from stretto.expression.paths import Scope
from stretto.expression.secrets import masked


def evaluation_message(error: EvaluationError, scope: Scope) -> str:
    """Say what is wrong, and where in which expression, without the secrets of the scope."""
    spot = error.spot
    text = error.message if spot is None else f"{error.message}, at {spot}"
    return masked(text, scope)


def mistake_failure(place: str, error: ExpressionError) -> Failure:
    """Return the failure for a mistake in the text of an expression."""
    text = error.message
    if error.source:
        text += f", at {Spot(error.source, error.line, error.column)}"
    return expression_failure(place, text, "syntax")


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
