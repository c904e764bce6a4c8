"""`monitoring.progress`: how far a run is; told on the bus, too, while runs move."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from services.monitoring.book import Book, fold
from services.monitoring.core.estimate import Shown, estimate
from services.monitoring.core.past import Past
from services.monitoring.core.projection import ENDED, RunProjection
from services.monitoring.durations import Durations, key_of, past_of
from services.monitoring.history import Log
from services.monitoring.signs import Sign, Signs
from services.monitoring.store import Store
from stretto.bus.connection import Connection
from stretto.bus.service import Refusal
from stretto.client.asking import Asks
from stretto.client.errors import Rejected
from stretto.contracts import subjects
from stretto.contracts.answers import AttemptProgress, RunProgress, StepProgress
from stretto.contracts.codec import json_encode
from stretto.contracts.ids import AttemptId, parse_run_id, run_id_text
from stretto.contracts.unreadable import UNREADABLE
from stretto.runtime.clock import US_PER_S, Clock, rfc3339
from stretto.runtime.errors import StrettoError, TransientError

TELL_EVERY_S = 1.0
"""How often a run that moves is told of."""

MAX_TOLD = 20
"""Runs that are told of each time: some milliseconds of work."""

TOLD_FROM_US = 2 * US_PER_S
"""A run is told of from this age on: a shorter one has ended before anybody looks."""

MAX_RUNS = 200
"""Runs whose events are kept here for the next question, where another instance reads the log."""

MAX_GRAPHS = 200
MAX_STEPS_TOLD = 500
MAX_ATTEMPTS_TOLD = 500
_US_PER_MS = 1_000


class ProgressRequest(msgspec.Struct, frozen=True):
    """`monitoring.progress`."""

    run_id: str


class _Step(msgspec.Struct, frozen=True):
    name: str


class _Root(msgspec.Struct, frozen=True):
    steps: list[_Step] = []


class _Graph(msgspec.Struct, frozen=True):
    root: _Root = _Root()


class _Definition(msgspec.Struct, frozen=True):
    graph: _Graph = _Graph()


_decode_request = msgspec.json.Decoder(ProgressRequest).decode


class ProgressOfRuns:
    """Works out how far runs are, from what this process holds or from the log."""

    def __init__(self, store: Store, log: Log, signs: Signs, asks: Asks, clock: Clock) -> None:
        self._store = store
        self._log = log
        self._signs = signs
        self._asks = asks
        self._clock = clock
        self._book: Book | None = None
        self._durations: Durations | None = None
        self._runs: OrderedDict[bytes, RunProjection] = OrderedDict()
        self._names: OrderedDict[tuple[str, str, int], list[str]] = OrderedDict()
        self._shown = Shown()

    def reads(self, book: Book | None, durations: Durations | None) -> None:
        """Say what the reader of the log holds in this process; None: it is another process."""
        self._book, self._durations = book, durations

    async def answer(self, data: bytes) -> bytes:
        """Answer `monitoring.progress`."""
        try:
            run_id = parse_run_id(_decode_request(data).run_id)
        except (*UNREADABLE, ValueError) as error:
            raise Refusal("request_invalid", f"expected a run id, but {error}") from error
        run = await self._find(run_id)
        past = await self._past(run)
        names = await self._steps_of(run) if past is None else ()
        return json_encode(self._view(run, past, names))

    async def tell(self, connection: Connection) -> None:
        """Publish how far the runs are that moved, until cancelled."""
        while True:
            await self._clock.sleep(TELL_EVERY_S)
            book, durations = self._book, self._durations
            if book is None or durations is None or not connection.is_connected:
                continue
            moved = [*self._signs.moved, *book.moved]
            self._signs.moved.clear()
            book.moved.clear()
            now_us = self._clock.now_us()
            told = 0
            for run_id in moved:
                run = book.get(run_id)
                if run is None or run.closed or now_us - run.started_us < TOLD_FROM_US:
                    continue
                past = durations.get(run.namespace, run.workflow)
                names = await self._steps_of(run) if past is None else ()
                view = self._view(run, past, names)
                subject = subjects.estimate(run.namespace, run_id_text(run_id))
                try:
                    await connection.publish(subject, json_encode(view))
                except TransientError:
                    break  # the bus takes nothing now; a second later there is more to say
                told += 1
                if told == MAX_TOLD:
                    break
                await asyncio.sleep(0)

    async def _find(self, run_id: bytes) -> RunProjection:
        held = None if self._book is None else self._book.get(run_id)
        if held is not None:
            return held
        run = self._runs.get(run_id)
        if run is None:
            found = await self._store.row(run_id)
            run, seq = (RunProjection(run_id, "", "", 0, None), 0) if found is None else found
            run.restore(list(run.steps.values()) if seq else [], seq)
        self._runs[run_id] = run
        self._runs.move_to_end(run_id)
        if len(self._runs) > MAX_RUNS:
            self._runs.popitem(last=False)
        try:
            fold(list(await self._log.of_run(run_id, run.last_seq)), run)
        except (Rejected, TransientError) as error:
            if run.last_seq:
                return run  # what is known is better than nothing
            del self._runs[run_id]
            code = error.code if isinstance(error, Rejected) else "run_unknown"
            text = f"expected run {run_id_text(run_id)} to be known, but it is not"
            raise Refusal(code, text) from error
        return run

    async def _past(self, run: RunProjection) -> Past | None:
        if self._durations is not None:
            return self._durations.get(run.namespace, run.workflow)
        return past_of(await self._store.state(key_of(run.namespace, run.workflow)))

    async def _steps_of(self, run: RunProjection) -> Sequence[str]:
        """The steps of the definition; empty where it cannot be had now."""
        key = (run.namespace, run.workflow, run.version)
        names = self._names.get(key)
        if names is None:
            request = {"namespace": key[0], "workflow": key[1], "version": key[2]}
            try:
                answer = await self._asks.ask("workflow", "definition", request, _Definition)
            except StrettoError:
                return ()  # told without them: a figure is no reason to end
            names = self._names[key] = [step.name for step in answer.graph.root.steps]
            if len(self._names) > MAX_GRAPHS:
                self._names.popitem(last=False)
        return names

    def _view(self, run: RunProjection, past: Past | None, names: Sequence[str]) -> RunProgress:
        now_us = self._clock.now_us()
        text = run_id_text(run.run_id)

        def sign(path: str, attempt: int) -> Sign | None:
            return self._signs.of(str(AttemptId(run.run_id, path, attempt)))

        def said(path: str, attempt: int) -> float | None:
            found = sign(path, attempt)
            return None if found is None else found.progress

        found = estimate(run, past, names, now_us, said)
        attempts = [
            AttemptProgress(
                step=step.path,
                attempt=attempt.number,
                heard_at=rfc3339(heard.heard_us),
                progress=heard.progress,
                message=heard.message,
                worker=heard.worker,
            )
            for step in run.steps.values()
            if step.status not in ENDED
            for attempt in step.attempts[-1:]
            if (heard := sign(step.path, attempt.number)) is not None
        ]
        messages = {each.step: each.message for each in attempts}
        return RunProgress(
            run_id=text,
            workflow=run.workflow,
            status=run.status,
            progress=round(self._shown.at_least(run.run_id, found), 4),
            at=rfc3339(now_us),
            elapsed_ms=round(((run.closed_us or now_us) - run.started_us) / _US_PER_MS, 1),
            left_ms=None if found.left_us is None else round(found.left_us / _US_PER_MS),
            past_runs=0 if past is None else past.runs,
            steps=[_with(step, messages) for step in found.steps[:MAX_STEPS_TOLD]],
            attempts=attempts[:MAX_ATTEMPTS_TOLD],
        )


def _with(step: StepProgress, messages: dict[str, str | None]) -> StepProgress:
    message = messages.get(step.step)
    return step if message is None else msgspec.structs.replace(step, message=message)
