"""What the framework refuses by itself is a problem like any other."""

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from services.gateway.problems import _http

REQUEST = Request({"type": "http", "method": "PUT", "path": "/here", "query_string": b"",
                   "headers": [], "server": ("h", 80)})  # fmt: skip


@pytest.mark.parametrize(
    ("error", "code", "detail"),
    [
        (HTTPException(404), "not_found", "expected a path of the API, but there is no /here"),
        (HTTPException(405), "method_not_allowed", "but got PUT /here"),
        (HTTPException(404, "no such file"), "not_found", "no such file"),
        (HTTPException(400, "expected a form"), "bad_request", "expected a form"),
    ],
)
async def test_what_the_framework_says_is_kept_and_a_bare_phrase_is_explained(
    error: HTTPException, code: str, detail: str
) -> None:
    answer = await _http(REQUEST, error)

    assert answer.status_code == error.status_code
    assert answer.media_type == "application/problem+json"
    body = bytes(answer.body).decode()
    assert f'"code":"{code}"' in body and detail in body
