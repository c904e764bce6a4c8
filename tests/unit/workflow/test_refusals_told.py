"""Who is told that a run has ended: not those who wanted just that."""

from __future__ import annotations

import pytest

from services.workflow.core import commands as cm
from services.workflow.core.commands import Rejection
from services.workflow.deciding import _has_what_it_wants
from services.workflow.inbox import Addressed
from stretto.contracts.public import ControlRequest

CLOSED = Rejection(code="run_closed", message="it has ended")
BY_A_RUN = f"{cm.RUN_MARK}01a20777-c1fd-747f-b071-0df75e944be8"


def cancel(by: str | None, reply: str | None = None, command: str = "cancel") -> Addressed:
    return Addressed(
        b"r" * 16, cm.Control(request=ControlRequest(command=command, by=by)), reply=reply
    )


@pytest.mark.parametrize(
    ("item", "quiet"),
    [
        (cancel(BY_A_RUN), True),
        (cancel(BY_A_RUN, reply="_INBOX.me"), False),
        (cancel("ann"), False),
        (cancel(None), False),
        (cancel(BY_A_RUN, command="pause"), False),
        (Addressed(b"r" * 16, cm.Granted()), True),
        (Addressed(b"r" * 16, cm.TimerFired(kind=cm.TimerKind.RUN, path="", attempt=0)), False),
    ],
)
def test_a_run_that_cancels_one_that_has_ended_is_not_told(item: Addressed, quiet: bool) -> None:
    assert _has_what_it_wants(item, CLOSED) is quiet
    assert not _has_what_it_wants(item, Rejection(code="paused", message="it is paused"))
