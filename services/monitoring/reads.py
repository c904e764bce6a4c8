"""What can be asked of the monitoring service: by any instance, from Postgres."""

import logging
import re
from collections.abc import Awaitable, Callable

import msgspec

from services.monitoring.book import fold
from services.monitoring.catching_up import STATE_WANTED
from services.monitoring.core.projection import CLOSED, RunProjection
from services.monitoring.decisions import DECISIONS, report
from services.monitoring.history import Log, LoggedEvent
from services.monitoring.intake import STATE_STATISTICS
from services.monitoring.progress import ProgressOfRuns
from services.monitoring.rebuild import ALL
from services.monitoring.services_seen import ServicesSeen
from services.monitoring.statistics import WINDOW_S, StatisticsState, latencies
from services.monitoring.store import Query, Store
from services.monitoring.views import Payloads, payloads_of, summary, view
from stretto.bus.queries import read_query, read_run_id
from stretto.bus.service import Refusal
from stretto.client.errors import Rejected
from stretto.contracts.answers import MAX_PAGE, ListRequest, RunPage, Stats, StatsRequest
from stretto.contracts.codec import json_encode
from stretto.contracts.decisions import DecisionStatsRequest
from stretto.contracts.ids import run_id_text
from stretto.runtime.clock import US_PER_S, Clock
from stretto.runtime.errors import TransientError
from stretto.telemetry.names import LOG_REASON

logger = logging.getLogger(__name__)

MAX_EVENTS_WITH_PAYLOADS = 2_000
"""Runs with more events are shown without payloads: the answer must fit into a message."""

STATUSES = frozenset({"running", "failing", "blocked", "paused", "queued", *CLOSED})
OPEN = "open"
_MAX_SEARCH_CHARS = 100
_MAX_LABELS = 10
"""Labels of one search: a run has at most a few dozen."""

_HEX_DIGITS = 32

Handler = Callable[[bytes], Awaitable[bytes]]


class ShowRequest(msgspec.Struct, frozen=True):
    """`monitoring.show`. `payloads`: with the inputs and outputs of the steps."""

    run_id: str
    payloads: bool = True


_decode_statistics = msgspec.json.Decoder(StatisticsState).decode


class Reads:
    """The operations of `stretto.api.monitoring.*`."""

    def __init__(
        self,
        *,
        store: Store,
        log: Log,
        seen: ServicesSeen,
        clock: Clock,
        lag: Callable[[], int],
        progress: ProgressOfRuns,
    ) -> None:
        self.progress = progress
        self._store = store
        self._log = log
        self._seen = seen
        self._clock = clock
        self._lag = lag

    def operations(self) -> dict[str, Handler]:
        """The handlers by the names of their operations."""
        return {
            "list": self.list_runs,
            "show": self.show,
            "stats": self.stats,
            "decisions": self.decisions,
            "rebuild": self.rebuild,
            "progress": self.progress.answer,
        }

    async def list_runs(self, data: bytes) -> bytes:
        """A page of runs, the latest first."""
        query = query_of(read_query(ListRequest, data))
        # One more than asked for tells whether there is a next page.
        runs = await self._store.page(msgspec.structs.replace(query, limit=query.limit + 1))
        now_us = self._clock.now_us()
        page = runs[: query.limit]
        following = cursor(page[-1]) if len(runs) > query.limit else None
        return json_encode(RunPage(runs=[summary(r, now_us) for r in page], next=following))

    async def show(self, data: bytes) -> bytes:
        """One run with its steps; what is not in Postgres is read from the log."""
        request = read_query(ShowRequest, data)
        run_id = read_run_id(request.run_id)
        found = await self._store.row(run_id)
        if found is None:
            run, steps_seq = RunProjection(run_id, "", "", 0, None), 0
        else:
            run, steps_seq = found
        with_payloads = request.payloads and run.last_seq <= MAX_EVENTS_WITH_PAYLOADS
        payloads = Payloads()
        if with_payloads or not run.closed or steps_seq < run.last_seq:
            after_seq = 0 if with_payloads else steps_seq
            events = await self._read_log(run_id, after_seq, must=found is None)
            if events is not None:
                run.restore(list(run.steps.values()) if after_seq else [], after_seq)
                fold(events, run)
                payloads = payloads_of(events) if with_payloads else payloads
        return json_encode(view(run, payloads, self._clock.now_us()))

    async def stats(self, data: bytes) -> bytes:
        """Counts by status, latencies and rates."""
        request = read_query(StatsRequest, data)
        counts = await self._store.counts(request.namespace, request.workflow)
        runs: dict[str, int] = {}
        workflows: dict[str, dict[str, int]] = {}
        for workflow, status, n in counts:
            runs[status] = runs.get(status, 0) + n
            workflows.setdefault(workflow, {})[status] = n
        kept = await self._store.state(STATE_STATISTICS)
        state = StatisticsState() if kept is None else _decode_statistics(kept)
        stale = self._clock.now_us() - state.at_us > WINDOW_S * US_PER_S
        answer = Stats(
            runs=runs,
            workflows=workflows,
            run_latency=latencies(state.runs, request.namespace, request.workflow),
            task_latency=latencies(state.tasks, request.namespace, None),
            steps_per_s=0.0 if stale else _rate(state.steps_per_s, request.namespace),
            runs_per_s=0.0 if stale else _rate(state.runs_per_s, request.namespace),
            lag=self._lag(),
            services=self._seen.report(),
        )
        return json_encode(answer)

    async def decisions(self, data: bytes) -> bytes:
        """How the decisions of switches and tables came out, over time."""
        request = read_query(DecisionStatsRequest, data)
        return json_encode(report(await self._store.states(DECISIONS), request))

    async def rebuild(self, _data: bytes) -> bytes:
        """Let the log be read again; the instance that reads it begins within seconds."""
        await self._store.set_state(STATE_WANTED, json_encode(ALL))
        return json_encode({"accepted": True})

    async def _read_log(
        self, run_id: bytes, after_seq: int, must: bool
    ) -> list[LoggedEvent] | None:
        """The events of a run after one; None if they cannot be had, and need not be."""
        try:
            return list(await self._log.of_run(run_id, after_seq))
        except (Rejected, TransientError) as error:
            if must:
                code = error.code if isinstance(error, Rejected) else "run_unknown"
                text = f"expected run {run_id_text(run_id)} to be known, but it is not"
                raise Refusal(code, text) from error
            logger.info("shown without the log", extra={LOG_REASON: error.message})
            return None


def query_of(request: ListRequest) -> Query:
    """Check a list request; raises Refusal."""
    if not 1 <= request.limit <= MAX_PAGE:
        raise _invalid(f"expected a limit of 1 to {MAX_PAGE}, but got {request.limit}")
    wanted = tuple(s for s in (request.status or "").split(",") if s)
    unknown = [s for s in wanted if s not in STATUSES and s != OPEN]
    if unknown:
        raise _invalid(
            f"expected a status of {', '.join(sorted(STATUSES))} or {OPEN}, "
            f"but got {unknown[0][:60]!r}"
        )
    search = request.search or None
    if search is not None and len(search) > _MAX_SEARCH_CHARS:
        raise _invalid(f"expected at most {_MAX_SEARCH_CHARS} characters to search for")
    labels = [*request.labels.items(), *request.step_labels.items()]
    if len(labels) > _MAX_LABELS:
        raise _invalid(f"expected at most {_MAX_LABELS} labels to search for")
    if any("\0" in text for pair in labels for text in pair):
        raise _invalid("expected labels without U+0000")
    return Query(
        limit=request.limit,
        labels=request.labels,
        step_labels=tuple(f"{name}={value}" for name, value in request.step_labels.items()),
        namespace=request.namespace,
        workflow=request.workflow,
        statuses=() if OPEN in wanted else wanted,
        only_open=OPEN in wanted,
        key=request.id,
        key_prefix=search,
        id_range=None if search is None else _id_range(search),
        before=None if request.before is None else parse_cursor(request.before),
    )


def cursor(run: RunProjection) -> str:
    """Where a page ends: what to ask with for the next one."""
    return f"{run.started_us}.{run.run_id.hex()}"


def parse_cursor(text: str) -> tuple[int, bytes]:
    """Read what `cursor` wrote; raises Refusal."""
    match = re.fullmatch(r"(\d{1,18})\.([0-9a-f]{32})", text)
    if match is None:
        raise _invalid(f"expected 'before' to be the 'next' of a page, but got {text[:60]!r}")
    return int(match[1]), bytes.fromhex(match[2])


def _id_range(prefix: str) -> tuple[bytes, bytes] | None:
    """The first and last run id that begin with some hex digits; None if they are none."""
    digits = prefix.replace("-", "").lower()
    if not re.fullmatch(r"[0-9a-f]{1,32}", digits):
        return None
    return bytes.fromhex(digits.ljust(_HEX_DIGITS, "0")), bytes.fromhex(
        digits.ljust(_HEX_DIGITS, "f")
    )


def _rate(rates: dict[str, float], namespace: str | None) -> float:
    return round(sum(r for n, r in rates.items() if namespace in (None, n)), 2)


def _invalid(message: str) -> Refusal:
    return Refusal("request_invalid", message)
