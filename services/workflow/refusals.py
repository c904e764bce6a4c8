"""What becomes of a command whose value Postgres cannot hold (U+0000, a number out of range …)."""

from services.workflow.core import Rejection
from services.workflow.core.commands import Decided, Result
from services.workflow.inbox import Addressed, Item
from stretto.contracts.failures import Failure, FailureType
from stretto.contracts.frames import DecidedRecord
from stretto.runtime.errors import StrettoError


def refuse_value(item: Item, error: StrettoError) -> Item | Rejection:
    """A result becomes a failed one and a decision a failed one, so that the run goes on; the rest
    is
    refused."""
    text = f"expected a value that the log can hold, but {error.message}"
    if isinstance(item, Addressed):
        match item.command:
            case Result() as result:
                failure = Failure(type=FailureType.INVALID_OUTPUT, message=text, retryable=False)
                command = Result(
                    path=result.path,
                    attempt=result.attempt,
                    failure=failure,
                    worker=result.worker,
                )
                return Addressed(item.run_id, command, item.namespace)
            case Decided() as decided:
                failure = Failure(type=FailureType.EXPRESSION, message=text, retryable=False)
                record = decided.record
                command_ = Decided(
                    record=DecidedRecord(record.run_id, record.path, record.turn, error=failure)
                )
                return Addressed(item.run_id, command_, item.namespace)
            case _:
                pass
    return Rejection(code="value_invalid", message=text)
