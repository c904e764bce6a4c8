"""What the native library itself makes of an expression, over the whole scope."""

from typing import Any

from stretto.expression import EvaluationError, ExpressionError, compile_expression
from stretto.expression.diagnosis import evaluation_error
from stretto.expression.environment import environment
from stretto.expression.results import careful, to_json

Outcome = tuple[str, Any]


def outcome_of_library(source: str, scope: dict[str, Any]) -> Outcome:
    """`("value", result)` or `("error", code)`, with no rewriting, no fast path, no check."""
    program = environment().compile(f"[{source}]", disable_check=True)
    try:
        result = program.eval(data=scope)
        if result.type().name() == "ERROR":
            text = result.plain_value()
            missing = "found in Activation" in text
            return "error", "missing_path" if missing else evaluation_error(text, {}).code
        return "value", to_json(careful(result)[0])
    except RuntimeError as error:
        return "error", evaluation_error(str(error), {}).code
    except EvaluationError as error:
        return "error", error.code


def outcome_of_ours(source: str, scope: dict[str, Any]) -> Outcome:
    """The same by our own way; `("mistake", message)` where it does not compile."""
    try:
        return "value", compile_expression(source).evaluate(scope)
    except EvaluationError as error:
        return "error", error.code
    except ExpressionError as error:
        return "mistake", error.message
