"""What becomes of a command whose value Postgres cannot hold (U+0000, a number out of range …)."""

from services.workflow.core import Rejection
from services.workflow.core.commands import Decided, Result
from services.workflow.inbox import Addressed, Item
from stretto.contracts.failures import Failure, FailureType
from stretto.contracts.frames import DecidedRecord
from stretto.runtime.errors import StrettoError


def refuse_value(item: Item, error: StrettoError) -> Item | Rejection:
    """A result becomes a failed one and a decision a failed one, so that the run goes on; the rest
    is refused. The substitute holds nothing of what came but who it is for."""
    text = f"expected a value that the log can hold, but {_why(error)}"
    if isinstance(item, Addressed):
        match item.command:
            case Result(path=path, attempt=attempt):
                failure = Failure(type=FailureType.INVALID_OUTPUT, message=text, retryable=False)
                result = Result(path=path, attempt=attempt, failure=failure)
                return Addressed(item.run_id, result, item.namespace, subject=item.subject)
            case Decided(record=record):
                failure = Failure(type=FailureType.EXPRESSION, message=text, retryable=False)
                answer = DecidedRecord(record.run_id, record.path, record.turn, error=failure)
                command = Decided(record=answer)
                return Addressed(item.run_id, command, item.namespace, subject=item.subject)
            case _:
                pass
    return Rejection(code="value_invalid", message=text)


_OF_STATE = {
    "22P05": "it holds U+0000, which no text of the log can",
    "22021": "it holds a character that no text of the log can",
    "22003": "it holds a number that is out of range",
}
_OF_CLASS = {"54": "it is nested too deep or too long"}


def _why(error: StrettoError) -> str:
    """What is wrong with a value, in words of ours: the server's would tell of its statements."""
    state = str(error.detail.get("sqlstate", ""))
    return _OF_STATE.get(state) or _OF_CLASS.get(state[:2]) or "it holds something that it cannot"
