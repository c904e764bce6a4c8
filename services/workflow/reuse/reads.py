"""What can be asked about kept outputs: a page of them, without what they hold."""

from collections.abc import Awaitable, Callable

import msgspec

from services.workflow.reuse.outputs import KeptOutputs, Row, Which
from stretto.bus.service import Refusal
from stretto.contracts.codec import json_encode
from stretto.contracts.ids import parse_run_id, run_id_text
from stretto.contracts.reuse import KeptOutput, KeptPage, KeptQuery
from stretto.contracts.unreadable import UNREADABLE
from stretto.runtime.clock import Clock, rfc3339

MAX_PAGE = 500

Handler = Callable[[bytes], Awaitable[bytes]]

_decode = msgspec.json.Decoder(KeptQuery).decode


class KeptReads:
    """The operation `stretto.api.workflow.kept`."""

    def __init__(self, outputs: KeptOutputs, clock: Clock) -> None:
        self._outputs = outputs
        self._clock = clock

    def operations(self) -> dict[str, Handler]:
        return {"kept": self.kept}

    async def kept(self, data: bytes) -> bytes:
        """A page of what is kept, in the order of task and key."""
        try:
            query = _decode(data or b"{}")
        except UNREADABLE as error:
            raise Refusal("request_invalid", f"expected a KeptQuery, but {error}") from error
        try:
            run_id = None if query.run_id is None else parse_run_id(query.run_id)
        except ValueError as error:
            raise Refusal("run_id_invalid", str(error)) from error
        which = Which(query.namespace, query.task, query.key, query.workflow, query.step, run_id)
        task, _, key = query.after.partition(" ")  # a task has no space in it
        limit = max(1, min(query.limit, MAX_PAGE))
        now_us = self._clock.now_us()
        rows = await self._outputs.page(which, (task, key), limit, now_us)
        count, size = await self._outputs.count(which, now_us)
        following = f"{rows[-1].task} {rows[-1].key}" if len(rows) == limit else None
        page = KeptPage(outputs=[_told(r) for r in rows], count=count, bytes=size, next=following)
        return json_encode(page)


def _told(row: Row) -> KeptOutput:
    return KeptOutput(
        task=row.task,
        key=row.key,
        run_id=run_id_text(row.run_id),
        workflow=row.workflow,
        step=row.step,
        bytes=row.bytes,
        kept_at=rfc3339(row.kept_us),
        expires_at=rfc3339(row.expires_us),
    )
