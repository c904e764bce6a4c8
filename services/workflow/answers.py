"""Answers to those who asked for one: what was started, controlled, refused."""

import re
from typing import Literal

import msgspec

from services.workflow.core import Rejection
from services.workflow.core.commands import Accepted, Control, Migrate, Result
from services.workflow.inbox import Addressed, Item
from services.workflow.other_runs import refused_child
from services.workflow.parents import PARENT_INVALID
from stretto.bus.publisher import Outgoing
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Reason
from stretto.contracts.frames import StartRecord
from stretto.contracts.ids import run_id_text
from stretto.contracts.payload import NULL
from stretto.contracts.public import Controlled, Refused, Rejected, Results, Started, TaskResult

MAX_REPLY_CHARS = 256
_TOKEN = r"[^\s\x00-\x1f\x7f.*>]+"
_REPLY = re.compile(rf"(?!\$){_TOKEN}(\.{_TOKEN})*")
_OURS = "stretto."


def may_answer(reply: str | None) -> str | None:
    """The reply subject that a stranger named, or None where it must not be used.

    An answer is published with the rights of this service: it must reach neither the server's own
    subjects (`$JS.API…` would delete a stream) nor ours.
    """
    if reply is None or len(reply) > MAX_REPLY_CHARS or reply.startswith(_OURS):
        return None
    return reply if _REPLY.fullmatch(reply) else None


def origin(item: Item) -> str:
    """The subject on which something was asked."""
    if isinstance(item, StartRecord):
        return subjects.start(item.namespace, item.workflow)
    return item.subject or subjects.control(item.namespace, run_id_text(item.run_id))


def refused(item: Item, rejection: Rejection, partitions: int) -> list[Outgoing]:
    """A refusal: to who asked, to the run that waits for a child, and for all to see."""
    reason = Reason(code=rejection.code, message=rejection.message)
    out = []
    parent = item.parent if isinstance(item, StartRecord) else None
    if parent is not None and rejection.code != PARENT_INVALID:
        out.append(refused_child(parent, item.run_id, reason, partitions))
    if item.reply is not None:
        out.append(Outgoing(item.reply, json_encode(Refused(rejected=reason))))
    rejected = Rejected(subject=origin(item), reason=reason, request=_request(item))
    out.append(Outgoing(subjects.rejected(item.namespace), json_encode(rejected)))
    return out


def _request(item: Item) -> msgspec.Raw:
    """What a worker said, without output: of which attempt. Nothing of the others."""
    command = None if isinstance(item, StartRecord) else item.command
    if not isinstance(command, Result | Accepted):
        return NULL
    id_ = f"{run_id_text(item.run_id)}:{command.path}:{command.attempt}"
    if isinstance(command, Accepted):
        return msgspec.Raw(json_encode(Results(accepted=id_, worker=command.worker)))
    status: Literal["completed", "failed"] = "completed" if command.failure is None else "failed"
    result = TaskResult(id=id_, status=status, failure=command.failure, worker=command.worker)
    return msgspec.Raw(json_encode(Results(results=[result])))


def started(item: StartRecord, run_id: bytes, version: int, *, existing: bool) -> list[Outgoing]:
    """The run of a start, for who asked."""
    if item.reply is None:
        return []
    answer = Started(
        run_id=run_id_text(run_id), workflow=item.workflow, version=version, existing=existing
    )
    return [Outgoing(item.reply, json_encode(answer))]


def controlled(item: Addressed) -> list[Outgoing]:
    """That a control was carried out, for who asked."""
    if item.reply is None or not isinstance(item.command, Control | Migrate):
        return []
    answer = Controlled(run_id=run_id_text(item.run_id), command=item.command.request.command)
    return [Outgoing(item.reply, json_encode(answer))]
