"""Every error code of JetStream has a meaning for us, decided by its number alone."""

from __future__ import annotations

import pytest

from stretto.bus.api_errors import (
    FULL,
    HIGHEST_KNOWN,
    MISSING,
    UNAVAILABLE,
    ApiError,
    Missing,
    no_responders,
    translate,
)
from stretto.runtime.errors import NotReachable, PermanentError, TransientError

LOWEST_KNOWN = 10002
# What clients and the server's own texts call 5xx or 429 and is nevertheless our mistake.
OUR_MISTAKE = {10029, 10045, 10050, 10052, 10053, 10057, 10067, 10074, 10036}


def error(err_code: int, code: int = 400) -> ApiError:
    return ApiError(code=code, err_code=err_code, description="some text")


@pytest.mark.parametrize("code", range(LOWEST_KNOWN, HIGHEST_KNOWN + 1))
def test_every_known_code_is_mapped_by_number(code: int) -> None:
    one, other = translate(error(code, 400), "x"), translate(error(code, 500), "x")
    assert type(one) is type(other), "the HTTP status must not decide about a known code"
    assert one.code in {
        "bus.missing",
        "bus.store_full",
        "bus.store_unavailable",
        "bus.store_refused",
    }
    assert one.detail["err_code"] == code


def test_the_classes_do_not_overlap_and_hold_no_mistakes_of_ours() -> None:
    assert not (MISSING & FULL or MISSING & UNAVAILABLE or FULL & UNAVAILABLE)
    assert not (MISSING | FULL | UNAVAILABLE) & OUR_MISTAKE


@pytest.mark.parametrize(
    ("code", "kind", "ours"),
    [
        (10059, Missing, "bus.missing"),
        (10014, Missing, "bus.missing"),
        (10077, TransientError, "bus.store_full"),
        (10047, TransientError, "bus.store_full"),
        (10008, TransientError, "bus.store_unavailable"),
        (10054, PermanentError, "bus.store_refused"),
        (10058, PermanentError, "bus.store_refused"),
        (10065, PermanentError, "bus.store_refused"),
    ],
)
def test_what_matters_most(code: int, kind: type[Exception], ours: str) -> None:
    translated = translate(error(code), "store a message")
    assert type(translated) is kind
    assert translated.code == ours
    assert translated.message.startswith("expected to store a message, but the server says")


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (HIGHEST_KNOWN + 1, 503, TransientError),
        (HIGHEST_KNOWN + 1, 429, TransientError),
        (HIGHEST_KNOWN + 1, 400, PermanentError),
        (0, 500, TransientError),
    ],
)
def test_codes_of_a_newer_server_are_judged_by_their_status(
    code: int, status: int, kind: type[Exception]
) -> None:
    assert type(translate(error(code, status), "x")) is kind


def test_no_responders_is_not_reachable() -> None:
    assert isinstance(no_responders("x"), NotReachable)
