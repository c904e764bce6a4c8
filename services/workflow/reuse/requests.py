"""Requests to purge what is kept: stored, carried out once by any instance, kept with who and
why."""

import logging
from collections.abc import Awaitable, Callable

import msgspec

from services.workflow.requested import Asker, Requested, asker_problem, request_key
from services.workflow.reuse.noting import KeptKey
from services.workflow.reuse.outputs import KeptOutputs, Purge, Which
from stretto.bus.message import Message
from stretto.contracts import subjects
from stretto.contracts.codec import decode_purge_request, json_encode
from stretto.contracts.failures import Reason
from stretto.contracts.ids import parse_run_id
from stretto.contracts.reuse import Purged, PurgeRequest
from stretto.postgres.errors import Conflict
from stretto.runtime.topology import workflow_reuse
from stretto.telemetry.names import LOG_BY, LOG_COUNT

logger = logging.getLogger(__name__)

MAX_CHARS = 1_000
"""Of what is named: a path of a step is shorter."""

_FIELDS = ("task", "key", "workflow", "step", "run_id")


class Asked(msgspec.Struct, frozen=True):
    """A request as it came."""

    request: PurgeRequest
    key: str
    namespace: str


class Requests:
    """Reads `stretto.reuse.*` and drops what is asked.

    Args:
        dropped: told of the keys of what was dropped.
    """

    def __init__(
        self,
        outputs: KeptOutputs,
        requested: Requested,
        dropped: Callable[[list[KeptKey]], Awaitable[None]],
    ) -> None:
        self._outputs = outputs
        self._requested = requested
        self._dropped = dropped

    async def run(self) -> None:
        """Carry out what comes, until cancelled."""
        await self._requested.serve(workflow_reuse(), _read, self.carry_out, fault="reuse_fault")

    async def carry_out(self, asked: Asked) -> bytes | Reason:
        """Drop what is asked; how many outputs, as JSON, or why not.

        Raises TransientError when the tables cannot be reached.
        """
        request = asked.request
        problem = asker_problem(Asker(asked.namespace, request.by, request.reason))
        problem = problem or _problem(request)
        if problem is not None:
            return problem
        try:
            run_id = None if request.run_id is None else parse_run_id(request.run_id)
        except ValueError as error:
            return Reason(code="run_id_invalid", message=str(error))
        which = Which(
            asked.namespace, request.task, request.key, request.workflow, request.step, run_id
        )
        count = await self._outputs.purged_before(asked.key)
        while count is None:
            now_us = self._requested.clock.now_us()
            data = json_encode(request)
            purge = Purge(asked.key, which, now_us, request.by, request.reason, data)
            try:
                gone = await self._outputs.purge(purge)
            except Conflict:
                count = await self._outputs.purged_before(asked.key)
                continue
            await self._dropped(gone)
            count = len(gone)
            logger.info("outputs purged", extra={LOG_COUNT: count, LOG_BY: request.by})
        return json_encode(Purged(purged=count))


def _read(message: Message) -> Asked:
    request = decode_purge_request(message.data)
    return Asked(request, request_key(message), subjects.parse_reuse(message.subject))


def _problem(request: PurgeRequest) -> Reason | None:
    """Say what is wrong with a request: nothing may be dropped that was not meant."""
    said = {field: value for field in _FIELDS if (value := getattr(request, field)) is not None}
    if bool(said) == request.all:
        got = "both" if said else "neither"
        text = f"expected {', '.join(_FIELDS)} or `all`, but got {got}"
        return Reason(code="purge_invalid", message=text)
    for field, value in said.items():
        if not 0 < len(value) <= MAX_CHARS or "\0" in value:
            text = f"{field}: expected 1 to {MAX_CHARS} characters, but got {len(value)}"
            return Reason(code="purge_invalid", message=text)
    return None
