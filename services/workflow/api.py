"""What can be asked of the workflow service: reads, from the log, by any instance."""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec

from services.workflow.bindings import bindings_of
from services.workflow.causes import Cause, causes, place_cause, queued_cause
from services.workflow.claims import STEP_LINE, Claims, LineKey
from services.workflow.core.offering import offered
from services.workflow.decisions import asked_decision, asking_seq
from services.workflow.frame_sizes import MAX_ASK_BYTES
from services.workflow.loading import Loader
from services.workflow.payloads import BadPayload, Payloads, TooMuch
from services.workflow.rows import StoredEvent
from services.workflow.slots import Slot, public_status
from services.workflow.step_told import step_told
from services.workflow.store import Store
from services.workflow.views import line_view, never_begun_told, state
from stretto.bus.queries import read_query, read_run_id
from stretto.bus.service import Refusal
from stretto.contracts.answers import MAX_KEYS_TOLD, Controls, LinePage, LinesQuery
from stretto.contracts.bindings import BindingsQuery
from stretto.contracts.codec import json_encode
from stretto.contracts.decisions import DecisionQuery
from stretto.contracts.ids import run_id_text
from stretto.contracts.payload import REFERENCE_MARK
from stretto.contracts.step_told import StepQuery
from stretto.runtime.clock import parse_rfc3339, rfc3339

MAX_PAGE = 5_000
"""Events of one answer; ask again with `after_seq`."""

MAX_PAGE_BYTES = 4 * 1024 * 1024
"""An answer stays below what one message may hold."""

MAX_HOLDERS_TOLD = 10
"""Runs that have the places which another waits for: more are not named."""

MAX_PLACES_TOLD = 10
"""Steps of one run that wait for places, of which it is told who has them: two queries each."""

Handler = Callable[[bytes], Awaitable[bytes]]


Number = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
"""Of an event: what the log can hold."""


class RunQuery(msgspec.Struct, frozen=True):
    run_id: str
    after_seq: Number = 0
    limit: int = 1_000
    at_seq: Number | None = None
    at: str | None = None


class ControlsQuery(msgspec.Struct, frozen=True):
    run_id: str
    step: str | None = None


class OpenQuery(msgspec.Struct, frozen=True):
    lane: int = 0


class PayloadQuery(msgspec.Struct, frozen=True):
    run_id: str
    payload: str


PAYLOAD_NAME = re.compile(r"[0-9a-f]{64}")


class ExportQuery(msgspec.Struct, frozen=True):
    after: tuple[str, int] | None = None
    limit: int = 1_000


class Api:
    """The operations of `stretto.api.workflow.*`."""

    def __init__(
        self,
        store: Store,
        loader: Loader,
        resend: Callable[[int], Awaitable[int]],
        claims: Claims,
        payloads: Payloads,
    ) -> None:
        self._claims = claims
        self._payloads = payloads
        self._store = store
        self._loader = loader
        self._resend = resend

    def operations(self) -> dict[str, Handler]:
        return {
            "history": self.history,
            "state": self.state,
            "explain": self.explain,
            "controls": self.controls,
            "decision": self.decision,
            "step": self.step,
            "bindings": self.bindings,
            "lines": self.lines,
            "open": self.open,
            "payload": self.payload,
            "export": self.export,
        }

    async def history(self, data: bytes) -> bytes:
        """Events of a run, in order, from `after_seq` on."""
        query = read_query(RunQuery, data)
        run_id = read_run_id(query.run_id)
        limit = max(1, min(query.limit, MAX_PAGE))
        stored = _within(await self._store.history(run_id, query.after_seq, limit, MAX_PAGE_BYTES))
        if not stored and not await self._store.runs([run_id]):
            raise _unknown(query.run_id)
        answer = {"run_id": run_id_text(run_id), "events": [_event(e) for e in stored]}
        return json_encode(answer)

    async def _fold(self, query: RunQuery) -> Slot:
        rows = await self._store.runs([read_run_id(query.run_id)])
        if not rows:
            raise _unknown(query.run_id)
        async for slot, events in self._loader.folded(rows):
            if query.at_seq is None and query.at is None:
                return slot
            early = _until(events, query)
            return slot.as_of(early)
        raise Refusal("run_at_fault", f"expected run {query.run_id} to be sound, but it is not")

    async def state(self, data: bytes) -> bytes:
        """The fold of a run; as it was after event `at_seq`, or at the instant `at`."""
        return json_encode(state(await self._fold(read_query(RunQuery, data))))

    async def explain(self, data: bytes) -> bytes:
        """Why a run is still open, in sentences."""
        slot = await self._fold(read_query(RunQuery, data))
        view = state(slot)
        pending = await self._pending(slot)
        answer = {k: view[k] for k in ("run_id", "namespace", "workflow", "status")}
        answer["pending"] = pending
        answer["controls"] = offered(slot.run, slot.run.touched_us)
        if slot.run.failure is not None:
            answer["failure"] = slot.run.failure
            answer.update(never_begun_told(slot.run, slot.run.failure))
        return json_encode(answer)

    async def controls(self, data: bytes) -> bytes:
        """The commands that a run, or a step of it, would carry out now."""
        query = read_query(ControlsQuery, data)
        slot = await self._fold(RunQuery(run_id=query.run_id))
        commands = offered(slot.run, slot.run.touched_us, query.step)
        view = Controls(
            run_id=slot.text, status=public_status(slot.run), step=query.step, commands=commands
        )
        return json_encode(view)

    async def _pending(self, slot: Slot) -> list[Cause]:
        """Why a run is open; who has the places that it waits for is asked for now."""
        run, line = slot.run, slot.run.line
        pending = list(causes(run))
        if run.places:
            pending = await self._pending_places(slot, pending)
        if line is None or not run.queued:
            return pending
        at = LineKey(slot.row.namespace, line.name, line.key)
        holders = [run_id_text(i) for i in await self._claims.holders(at, MAX_HOLDERS_TOLD)]
        now = queued_cause(line, holders, await self._claims.ahead_of(at, run.id))
        return [now if cause.cause == "concurrency" else cause for cause in pending]

    async def _pending_places(self, slot: Slot, pending: list[Cause]) -> list[Cause]:
        """The causes of a run, those of its first steps that wait for places with who has them."""
        left, run, found = MAX_PLACES_TOLD, slot.run, list[Cause]()
        for cause in pending:
            place = None if run.places is None else run.places.get(cause.step)
            if cause.cause != "concurrency" or place is None or place.held or not left:
                found.append(cause)
                continue
            left -= 1
            at = LineKey(slot.row.namespace, f"{STEP_LINE}{slot.row.workflow}", place.key)
            holders = await self._claims.placed(at, MAX_HOLDERS_TOLD)
            told = [f"{path!r} of run {run_id_text(run_id)}" for run_id, path in holders]
            before = await self._claims.ahead_of(at, run.id, cause.step)
            found.append(place_cause(run.nodes[cause.step], told, before))
        return found

    async def lines(self, data: bytes) -> bytes:
        """The keys of `concurrency` whose places are waited for."""
        query = read_query(LinesQuery, data)
        found = await self._claims.waited_for(query.namespace, MAX_KEYS_TOLD)
        return json_encode(LinePage(lines=[line_view(each) for each in found]))

    async def decision(self, data: bytes) -> bytes:
        """The last decision of a step: what was asked, with the values as they were."""
        query = read_query(DecisionQuery, data)
        rows = await self._store.runs([read_run_id(query.run_id)])
        if not rows:
            raise _unknown(query.run_id)
        async for slot, events in self._loader.folded(rows):
            seq = asking_seq(query.step, events)
            early = [e for e in events if e.seq <= seq]
            then = slot.as_of(early)
            later = events[len(early) :]
            told = asked_decision(then.run, query.step, early[-1], later)
            values = [await self._whole(rows[0].run_id, bytes(v)) for v in told.values]
            return json_encode(msgspec.structs.replace(told, values=values))
        raise Refusal("run_at_fault", f"expected run {query.run_id} to be sound, but it is not")

    async def step(self, data: bytes) -> bytes:
        """How a step stands: its attempts, its items, whose output it took."""
        query = read_query(StepQuery, data)
        slot = await self._fold(RunQuery(run_id=query.run_id))
        return json_encode(step_told(slot.run, query.step))

    async def bindings(self, data: bytes) -> bytes:
        """Where the attempts of a step with a route went, and why."""
        query = read_query(BindingsQuery, data)
        rows = await self._store.runs([read_run_id(query.run_id)])
        if not rows:
            raise _unknown(query.run_id)
        async for slot, events in self._loader.folded(rows):
            return json_encode(bindings_of(slot.run, query.step, events))
        raise Refusal("run_at_fault", f"expected run {query.run_id} to be sound, but it is not")

    async def _whole(self, run_id: bytes, value: bytes) -> msgspec.Raw:
        """A value with its payloads, where they fit; else the references stay."""
        if REFERENCE_MARK in value:
            try:
                value = await self._payloads.resolve(run_id, value, MAX_ASK_BYTES)
            except (TooMuch, BadPayload):
                return msgspec.Raw(value)
        return msgspec.Raw(value)

    async def payload(self, data: bytes) -> bytes:
        """Put a payload of a run into the object store again, for who did not find it there."""
        query = read_query(PayloadQuery, data)
        size = None
        if PAYLOAD_NAME.fullmatch(query.payload):
            size = await self._payloads.again(read_run_id(query.run_id), query.payload)
        if size is None:
            raise Refusal(
                "payload_unknown",
                f"expected run {query.run_id[:60]} to have payload {query.payload[:64]!r}, but it "
                "has not",
            )
        return json_encode({"payload": query.payload, "bytes": size})

    async def open(self, data: bytes) -> bytes:
        """Dispatch again what is open on a lane (execution asks, after its start)."""
        query = read_query(OpenQuery, data)
        return json_encode({"sent": await self._resend(query.lane)})

    async def export(self, data: bytes) -> bytes:
        """A page of the whole log in the order of (run_id, seq)."""
        query = read_query(ExportQuery, data)
        after = (
            (bytes(16), 0) if query.after is None else (read_run_id(query.after[0]), query.after[1])
        )
        limit = max(1, min(query.limit, MAX_PAGE))
        rows = await self._store.page(after, limit, MAX_PAGE_BYTES)
        page: list[dict[str, object]] = []
        size = 0
        for row, stored in rows:
            size += len(stored.data) + 300
            if page and size > MAX_PAGE_BYTES:
                break
            event = _event(stored)
            event["run_id"] = run_id_text(row.run_id)
            event["namespace"], event["workflow"] = row.namespace, row.workflow
            event["version"], event["id"] = row.version, row.caller_id
            page.append(event)
        return json_encode({"events": page})


class _OfStep(msgspec.Struct):
    step: str | None = None


_decode_step = msgspec.json.Decoder(_OfStep).decode


def _until(events: list[StoredEvent], query: RunQuery) -> list[StoredEvent]:
    """The events of a run up to a number, or an instant."""
    if query.at_seq is not None and query.at is not None:
        raise Refusal("request_invalid", "expected at_seq or at, but got both")
    if query.at is None:
        assert query.at_seq is not None
        last = max(query.at_seq, 1)
        return [event for event in events if event.seq <= last]
    try:
        at_us = parse_rfc3339(query.at)
    except ValueError as error:
        raise Refusal("request_invalid", str(error)) from error
    early = [event for event in events if event.at_us <= at_us]
    if not early:
        began = rfc3339(events[0].at_us)
        text = f"expected an instant from the start of the run on ({began}), but got {query.at}"
        raise Refusal("request_invalid", text)
    return early


def _unknown(run_id: str) -> Refusal:
    return Refusal("run_unknown", f"expected run {run_id[:60]} to exist, but it does not")


def _within(stored: list[StoredEvent]) -> list[StoredEvent]:
    size = 0
    for count, each in enumerate(stored):
        size += len(each.data) + 200
        if size > MAX_PAGE_BYTES and count:
            return stored[:count]
    return stored


def _event(stored: StoredEvent) -> dict[str, object]:
    event: dict[str, object] = {
        "seq": stored.seq,
        "type": stored.type,
        "at": rfc3339(stored.at_us),
        "data": msgspec.Raw(stored.data),
    }
    step = _decode_step(stored.data).step  # whatever the type: a newer build may have written it
    if step is not None:
        event["step"] = step
    return event
