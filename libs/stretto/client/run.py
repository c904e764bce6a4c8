"""A run, as a client holds it: wait for it, watch it, tell it what to do."""

# ruff: noqa: A002, ASYNC109 - `timeout` and `type` are the words that a caller expects
from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, overload

import msgspec

from stretto.client.decisions import Decision, decision
from stretto.client.endings import Ending, Followed
from stretto.client.errors import Rejected, ended, rejection
from stretto.client.explaining import explain
from stretto.client.feed import UNKNOWN_POLL_S, Feed, RunEvent, history
from stretto.client.migrations import Migrations
from stretto.client.profiles import run_profile
from stretto.client.starting import encode_payload
from stretto.contracts import subjects
from stretto.contracts.answers import Controls, RunProgress
from stretto.contracts.failures import Failure, Reason
from stretto.contracts.payload import MAX_STORED_BYTES, NULL, REFERENCE_MARK
from stretto.contracts.public import CLOSED_STATUSES, Controlled
from stretto.profiling.report import RunProfile
from stretto.runtime.errors import NotReachable

if TYPE_CHECKING:
    from stretto.client.link import Link

T = TypeVar("T")

FIRST_POLL_S = 3.0
"""After this long without news of a run its state is asked for, then after twice as long, ..."""

MAX_POLL_S = 60.0

TAKEN_WITHIN_S = 2.0
"""How long a run that this client has not started itself may be unknown: its start may have been
published a moment ago, by somebody else."""

UNKNOWN_FOR_S = 300.0
"""How long a start that was stored may stay unknown before it is reported as lost: the backlog of
starts would have to be this long."""


class _State(msgspec.Struct):
    """What of `workflow.state` is read to learn how a run ended."""

    status: str
    output: msgspec.Raw = NULL
    failure: Failure | None = None


class Run:
    """A handle of one run; made by `Client.start` and `Client.get`.

    Attributes:
        id: the run's id (the text of a UUID).
        workflow: the name of its workflow; None if the handle was made from an id alone.
        key: the caller's own id that the run was started with.
        existing: a run with that key was open already, and this is it.
    """

    def __init__(
        self,
        link: Link,
        run_id: str,
        *,
        workflow: str | None = None,
        key: str | None = None,
        existing: bool = False,
        followed: Followed | None = None,
    ) -> None:
        self.id = run_id
        self.workflow = workflow
        self.key = key
        self.existing = existing
        self._link = link
        self._followed = followed
        self._unknown_until = 0.0
        if followed is not None:
            self._unknown_until = asyncio.get_running_loop().time() + UNKNOWN_FOR_S

    def __repr__(self) -> str:
        return f"Run({self.id!r}, workflow={self.workflow!r})"

    @overload
    async def result(self, timeout: float | None = None) -> Any: ...
    @overload
    async def result(self, timeout: float | None = None, *, type: type[T]) -> T: ...
    async def result(self, timeout: float | None = None, *, type: Any = Any) -> Any:
        """Wait until the run has ended and give its output.

        Args:
            timeout: seconds; None waits as long as the run takes.
            type: what to read the output as: a msgspec struct, dataclass, TypedDict, ...

        Raises:
            RunFailed, RunCancelled: it ended without an output.
            Rejected: its start was refused, or there is no such run.
            TimeoutError: it is still open after `timeout`.
        """
        try:
            async with asyncio.timeout(timeout):
                ending = await self._ended()
        except TimeoutError:
            raise TimeoutError(
                f"expected run {self.id} to end within {timeout} s, but it is still open"
            ) from None
        if ending.refused is not None:
            raise rejection(ending.refused)
        if ending.status != "completed":
            raise ended(self.id, ending.status, ending.failure)
        output = bytes(ending.output)
        if REFERENCE_MARK in output:
            output = await self._link.carrier.receive(output, self.id)
        return msgspec.json.decode(output, type=type)

    def events(self, after_seq: int = 0) -> AsyncGenerator[RunEvent, None]:
        """Give every event of the run, from its first (or the one after `after_seq`) to its last.

        Waits for those to come; ends with the run. Raises Rejected if its start was refused.
        """
        link = self._link
        subject = subjects.events(link.namespace, self.workflow or "*", self.id)
        feed = Feed(link.connection, link.asks, self.id, subject, after_seq)
        soon = asyncio.get_running_loop().time() + TAKEN_WITHIN_S
        return feed.events(self._followed, max(self._unknown_until, soon))

    async def status(self) -> str:
        """Ask how the run stands: `running`, `completed`, `failed`, ..."""
        return (await self._ask_state()).status

    async def state(
        self, *, at_seq: int | None = None, at: datetime | None = None
    ) -> dict[str, Any]:
        """Ask for the whole state of the run: its input, its steps, what it waits for.

        With `at_seq`, as it was after that event; with `at`, at that instant.

        Raises ValueError if `at` has no time zone.
        """
        when: dict[str, Any] = {} if at_seq is None else {"at_seq": at_seq}
        if at is not None:
            if at.tzinfo is None:
                raise ValueError(f"expected an instant with a time zone, but got {at}")
            when["at"] = at.isoformat()
        request = {"run_id": self.id, **when}
        return await self._link.asks.ask("workflow", "state", request, dict[str, Any])

    async def explain(self) -> dict[str, Any]:
        """Ask why the run is still open: what it waits for, since when, until when."""
        return await explain(self._link.asks, self.id)

    async def controls(self, step: str | None = None) -> list[str]:
        """Ask which commands the run, or a step of it, would carry out now."""
        request = {"run_id": self.id, "step": step}
        return (await self._link.asks.ask("workflow", "controls", request, Controls)).commands

    async def progress(self) -> RunProgress:
        """Ask how far the run is, weighted by what its steps took in the past, and how long it
        will take still."""
        return await self._link.asks.ask("monitoring", "progress", {"run_id": self.id}, RunProgress)

    async def decision(self, step: str) -> Decision:
        """Ask why the last decision of a step was as it was (`output`: of the run's output)."""
        return await decision(self._link.asks, self.id, step)

    async def profile(self) -> RunProfile:
        """Say where the time of the run went: its critical path, and what would make it faster."""
        return await run_profile(self._link.asks, self.id)

    async def history(self, after_seq: int = 0, limit: int | None = None) -> list[RunEvent]:
        """Read the events so far, all of them or the first `limit` after `after_seq`."""
        return await history(self._link.asks, self.id, after_seq, limit)

    async def signal(
        self,
        name: str,
        payload: object = None,
        *,
        by: str | None = None,
        reason: str | None = None,
    ) -> Controlled:
        """Send a signal to the run: a step that waits for it takes it, or the next one that does.

        `by` and `reason`, here and below: who asks and why, kept in the log.
        """
        sent = payload
        if payload is not None:
            data = encode_payload(payload, "payload", MAX_STORED_BYTES)
            sent = msgspec.Raw(await self._link.carrier.send(data))
        return await self.control("signal", name=name, payload=sent, by=by, reason=reason)

    async def approve(
        self, by: str | None = None, reason: str | None = None, *, step: str | None = None
    ) -> Controlled:
        """Approve what waits for approval; `step` names it where several do."""
        return await self.control("approve", step=step, by=by, reason=reason)

    async def reject(
        self, by: str | None = None, reason: str | None = None, *, step: str | None = None
    ) -> Controlled:
        """Refuse to approve: the step fails with the type `Rejected`."""
        return await self.control("reject", step=step, by=by, reason=reason)

    async def cancel(self, reason: str | None = None, *, by: str | None = None) -> Controlled:
        """End the run in order: what is open is cancelled, what was done is undone."""
        return await self.control("cancel", reason=reason, by=by)

    async def terminate(self, reason: str | None = None, *, by: str | None = None) -> Controlled:
        """End the run at once; nothing is undone."""
        return await self.control("terminate", reason=reason, by=by)

    async def pause(self, reason: str | None = None, *, by: str | None = None) -> Controlled:
        """Begin nothing new in the run until it is resumed; what is out goes on."""
        return await self.control("pause", reason=reason, by=by)

    async def resume(self, reason: str | None = None, *, by: str | None = None) -> Controlled:
        """Go on with a paused run."""
        return await self.control("resume", reason=reason, by=by)

    async def retry(
        self, step: str | None = None, *, by: str | None = None, reason: str | None = None
    ) -> Controlled:
        """Run the steps that failed once more, or one of them; a step that waits for its next
        attempt is tried at once. A failed run is open again."""
        return await self.control("retry", step=step, by=by, reason=reason)

    async def skip(
        self, step: str, *, by: str | None = None, reason: str | None = None
    ) -> Controlled:
        """Go on as if an open step had been skipped."""
        return await self.control("skip", step=step, by=by, reason=reason)

    async def rewind(
        self, step: str, *, by: str | None = None, reason: str | None = None
    ) -> Controlled:
        """Go back to a step: it and all that needs it run again. A failed or cancelled run is open
        again."""
        return await self.control("rewind", step=step, by=by, reason=reason)

    async def rollback(
        self,
        to: str,
        *,
        pause: bool = False,
        by: str | None = None,
        reason: str | None = None,
    ) -> Controlled:
        """Go back to the end of step `to`: all that came of it is undone and runs again, or the run
        is paused there. A failed or cancelled run is open again."""
        return await self.control("rollback", to=to, pause=pause, by=by, reason=reason)

    async def migrate(
        self,
        version: int | str | None = None,
        *,
        by: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Follow another version of the workflow (a number or a label; None: the latest). Raises
        Rejected when something that the run has begun keeps it."""
        await Migrations(self._link).migrate(self.id, version, by=by, reason=reason)

    async def control(self, command: str, **fields: Any) -> Controlled:
        """Send a command with its fields and wait until it was carried out.

        Raises:
            Rejected: it was refused, e.g. because the run has ended.
            NotReachable: no answer in time; once stored it will be carried out all the same.
        """
        link = self._link
        return await link.answered.control(link.namespace, self.id, command, fields)

    def refuse(self, error: Rejected) -> None:
        """Let `result` raise that the start was refused; for the client that heard it."""
        reason = Reason(code=error.code, message=error.message, details=error.details or None)
        if self._followed is not None:
            self._followed.settle(Ending(status="rejected", refused=reason))

    async def _ended(self) -> Ending:
        followed = self._followed
        if followed is None:
            # Somebody else's run, or one from before: it may have ended long ago.
            await self._link.endings.open()
            followed = self._followed = self._link.endings.follow(self.id)
            self._unknown_until = asyncio.get_running_loop().time() + TAKEN_WITHIN_S
            patience_s = FIRST_POLL_S if await self._look(followed) else UNKNOWN_POLL_S
        else:
            patience_s = FIRST_POLL_S
        while followed.ending is None:
            await followed.change(patience_s)
            if followed.ending is None:
                await self._look(followed)
                patience_s = min(patience_s * 2, MAX_POLL_S)
        return followed.ending

    async def _look(self, followed: Followed) -> bool:
        """Ask how the run stands and settle it if it has ended; False: it is not known yet."""
        try:
            async with self._link.polling:
                state = await self._ask_state()
        except NotReachable:
            return True  # asked again later: the caller's timeout is what ends the wait
        except Rejected:
            if asyncio.get_running_loop().time() > self._unknown_until:
                raise
            return False  # stored, but not taken yet
        if state.status in CLOSED_STATUSES:
            followed.settle(Ending(status=state.status, output=state.output, failure=state.failure))
        return True

    async def _ask_state(self) -> _State:
        return await self._link.asks.ask("workflow", "state", {"run_id": self.id}, _State)
