"""What a client does to begin runs: start one or many, fork one, give the handle of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from stretto.bus.publisher import Outgoing
from stretto.client.answered import store
from stretto.client.errors import Rejected
from stretto.client.link import Linked
from stretto.client.run import Run
from stretto.client.starting import Start, by_reference, prepare, read_answer, settle
from stretto.contracts import ids
from stretto.contracts.payload import MAX_STORED_BYTES
from stretto.contracts.public import ForkRequest


class RunStarts(Linked):
    """Begins runs."""

    async def start(
        self,
        workflow: str,
        input: Any = None,  # noqa: A002 - the word of the contract
        id: str | None = None,  # noqa: A002 - the word of the contract
        *,
        version: int | str | None = None,
        labels: Mapping[str, str] | None = None,
        run_id: str | None = None,
        traceparent: str | None = None,
        wait_accepted: bool = False,
    ) -> Run:
        """Start a run. When this returns the start is stored and cannot be lost.

        Args:
            input: anything that is JSON: plain values, dataclasses, msgspec structs, pydantic
                models; `msgspec.Raw` for JSON that is ready.
            id: the caller's own key: while a run with it is open, this gives that run
                (`run.existing`).
            version: of the workflow, or a label of one; None: the latest. The workflow may say it,
                too: `order@3`, `order@stable`.
            run_id: a UUID to use for the run; None: a new one.
            traceparent: the W3C trace context of who starts it.
            wait_accepted: wait until the workflow service has taken it, and raise if it refuses.
                Always done with an `id`. Otherwise a refusal is raised by `run.result()`.

        Raises:
            NotReachable: it could not be stored in time, or no answer came.
            Rejected: it was refused.
        """
        asked = Start(
            workflow=workflow,
            input=input,
            id=id,
            version=version,
            labels=dict(labels or {}),
            run_id=run_id,
            traceparent=traceparent,
        )
        start = settle(asked)
        await self._link.endings.open()
        new_id, message = await self._prepared(start)
        run = self._new_run(new_id, start)
        if id is None and not wait_accepted:
            await store(self._link.publisher, [message])
            return run
        return self._answered_run(run, await self._link.answered.send(message))

    async def fork(
        self,
        run_id: str,
        *,
        at_seq: int | None = None,
        step: str | None = None,
        input: Any = None,  # noqa: A002 - the word of the contract
        id: str | None = None,  # noqa: A002 - the word of the contract
        version: int | str | None = None,
        labels: Mapping[str, str] | None = None,
        new_run_id: str | None = None,
        by: str | None = None,
        reason: str | None = None,
    ) -> Run:
        """Start a run that begins where another one stood, open or closed: what had completed there
        is not run again, and not undone by the new one.

        Args:
            at_seq: as it stood after this event; None: after its last.
            step: this step, and all that needs it, is run again whatever had become of it.
            input: None: that of the other run; so `version` and `labels`.

        Raises:
            Rejected: there is no such run, event, step or version, or the input does not fit.
        """
        source = await self.get(run_id).state()
        fork = ForkRequest(run_id=run_id, at_seq=at_seq, step=step, by=by, reason=reason)
        start = Start(
            workflow=source["workflow"],
            input=input,
            id=id,
            version=version,
            labels=dict(labels or {}),
            run_id=new_run_id,
            fork=fork,
        )
        await self._link.endings.open()
        fork_id, message = await self._prepared(start)
        run = self._new_run(fork_id, start)
        answer = await self._link.answered.send(message)
        read_answer(answer)  # raises when it was refused
        return self._answered_run(run, answer)

    async def start_many(self, starts: Iterable[Start | tuple[str, Any]]) -> list[Run]:
        """Start many runs, as fast as the store takes them; the handles are in the same order.

        `(workflow, input)` is short for a `Start`. A refused one is raised by its `run.result()`.

        Raises:
            NotReachable: not all could be stored in time, or those with an `id` were not answered;
                some may be started.
            Rejected: one has a bad name or input; then none is started.
        """
        await self._link.endings.open()
        wanted = [
            settle(Start(workflow=s[0], input=s[1]) if isinstance(s, tuple) else s) for s in starts
        ]
        prepared = [await self._prepared(start) for start in wanted]
        runs = [
            self._new_run(run_id, start)
            for start, (run_id, _) in zip(wanted, prepared, strict=True)
        ]
        await store(
            self._link.publisher,
            [m for start, (_, m) in zip(wanted, prepared, strict=True) if start.id is None],
        )
        keyed = [i for i, start in enumerate(wanted) if start.id is not None]
        answers = await self._link.answered.send_many([prepared[i][1] for i in keyed])
        for i, answer in zip(keyed, answers, strict=True):
            runs[i] = self._answered_run(runs[i], answer)
        return runs

    async def _prepared(self, start: Start) -> tuple[str, Outgoing]:
        """The run id and the message of a start; a large input is stored already."""
        run_id, message = prepare(start, self.namespace, MAX_STORED_BYTES)
        if len(message.data) > self._link.carrier.limit:
            message = await by_reference(self._link.carrier, start, message)
        return run_id, message

    def _answered_run(self, run: Run, answer: bytes) -> Run:
        """Give the run that an answer to a start names: the new one, or the one that was there."""
        try:
            run_id, existing = read_answer(answer)
        except Rejected as error:
            run.refuse(error)
            return run
        if run_id == run.id and not existing:
            return run
        return Run(self._link, run_id, workflow=run.workflow, key=run.key, existing=existing)

    def get(self, run_id: str, workflow: str | None = None) -> Run:
        """Give the handle of a run that is there already; nothing is asked yet.

        Raises ValueError if the id is no UUID.
        """
        return Run(self._link, ids.run_id_text(ids.parse_run_id(run_id)), workflow=workflow)

    def _new_run(self, run_id: str, start: Start) -> Run:
        followed = self._link.endings.follow(run_id)
        return Run(self._link, run_id, workflow=start.workflow, key=start.id, followed=followed)
