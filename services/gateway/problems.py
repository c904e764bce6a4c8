"""Errors as problems (RFC 9457), with our codes; which code is which HTTP status."""

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from stretto.client.errors import Rejected
from stretto.client.remedies import remedy_of
from stretto.contracts.codec import json_encode
from stretto.runtime.errors import PermanentError, TransientError
from stretto.telemetry.names import LOG_CODE, LOG_PATH, LOG_REASON

logger = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"
RETRY_AFTER_S = 1

_CODES_OF_STATUS = {
    403: ("not_allowed",),
    404: (
        "run_unknown",
        "workflow_unknown",
        "step_unknown",
        "schedule_unknown",
        "template_unknown",
        "version_unknown",
        "label_unknown",
    ),
    409: (
        *("run_exists", "run_id_taken", "run_closed", "definition_contended", "already_failing"),
        *("not_paused", "not_running", "signals_full", "approval_not_open", "step_not_open"),
        *("schedule_paused", "schedule_not_paused", "schedule_contended", "schedules_full"),
        *("step_not_failed", "step_not_begun", "run_not_resumable", "run_compensated"),
        *("step_not_completed", "rolling_back", "migration_refused"),
    ),
    413: ("fork_too_large", "definition_too_large", "schedule_too_large", "bus.message_too_large"),
    500: ("run_at_fault", "definition_fault", "schedule_fault", "reuse_fault"),
    503: ("no_room",),
}
STATUS_OF_CODE = {code: status for status, codes in _CODES_OF_STATUS.items() for code in codes}
"""Everything else that is refused is 422."""

_TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    414: "Too long",
    415: "Unsupported media type",
    422: "Refused",
    500: "Internal error",
    503: "Not reachable",
}


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error, as the body of an answer. `code` is stable; `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[dict[str, Any]] | None = None
    remedy: str | None = None
    """What can be done about it, for people."""


class Refused(Exception):
    """Ends a request with a problem."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(status, code, detail)
        self.status = status
        self.code = code
        self.detail = detail


def problem(
    status: int, code: str, detail: str, errors: list[dict[str, Any]] | None = None
) -> Response:
    """Make the answer that tells of an error."""
    body = Problem(
        type=f"urn:stretto:error:{code}",
        title=_TITLES.get(status, "Error"),
        status=status,
        detail=detail,
        code=code,
        errors=errors or None,
        remedy=remedy_of(code),
    )
    headers = {}
    if status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(json_encode(body), status, headers, PROBLEM_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Let every error of a route become a problem."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(Rejected, _rejected)
    app.add_exception_handler(TransientError, _transient)
    app.add_exception_handler(PermanentError, _permanent)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return problem(error.status, error.code, error.detail)


async def _rejected(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Rejected)
    status = STATUS_OF_CODE.get(error.code, 422)
    return problem(status, error.code, error.message, error.details)


async def _transient(_request: Request, error: Exception) -> Response:
    assert isinstance(error, TransientError)
    return problem(503, error.code, error.message)


async def _permanent(_request: Request, error: Exception) -> Response:
    assert isinstance(error, PermanentError)
    status = STATUS_OF_CODE.get(error.code, 500)
    if status == 500:
        logger.error("request failed", extra={LOG_CODE: error.code, LOG_REASON: error.message})
    return problem(status, error.code, error.message)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"path": ".".join(str(part) for part in e["loc"]), "message": e["msg"]}
        for e in error.errors()
    ]
    where = ", ".join(e["path"] for e in errors)
    return problem(422, "request_invalid", f"expected valid parameters, but {where}", errors)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _TITLES.get(error.status_code, "error").lower().replace(" ", "_")
    detail = _SAID.get(error.status_code)
    if detail is None or error.detail != HTTPStatus(error.status_code).phrase:
        return problem(error.status_code, code, str(error.detail))
    return problem(error.status_code, code, detail.format(request.method, request.url.path))


_SAID = {
    404: "expected a path of the API, but there is no {1}; /docs shows those that there are",
    405: "expected a method that the path takes, but got {0} {1}; /docs shows which",
}
"""What the router says with the bare phrase of the status."""


async def _unexpected(request: Request, error: Exception) -> Response:
    logger.error("request failed", exc_info=error, extra={LOG_PATH: request.url.path})
    return problem(500, "internal_error", "expected to answer, but failed; the log says why")
