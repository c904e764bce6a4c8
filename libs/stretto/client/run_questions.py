"""What a client asks about runs: lists, figures, profiles, histories, choices of routes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from stretto.client.carrying import export_run, import_run
from stretto.client.choices import MAX_RUNS as MAX_EXPORTED
from stretto.client.choices import Choice, choices
from stretto.client.explaining import explain
from stretto.client.feed import RunEvent
from stretto.client.feed import history as read_history
from stretto.client.link import Linked
from stretto.client.profiles import DEFAULT_RUNS, workflow_profile
from stretto.contracts import ids
from stretto.contracts.answers import (
    DEFAULT_PAGE,
    ListRequest,
    RunPage,
    RunView,
    Stats,
    StatsRequest,
)
from stretto.contracts.decisions import DecisionStats, DecisionStatsRequest
from stretto.history.document import Imported
from stretto.profiling.report import Profile


class RunQuestions(Linked):
    """Asks about the runs of a namespace.

    Whatever is asked, NotReachable is raised when nobody who knows has answered within 5 s, and
    Rejected, with a code and a sentence, when there is no such run.
    """

    async def runs(
        self,
        *,
        workflow: str | None = None,
        status: str | None = None,
        id: str | None = None,  # noqa: A002 - the word of the contract
        search: str | None = None,
        limit: int = DEFAULT_PAGE,
        before: str | None = None,
        labels: Mapping[str, str] | None = None,
        step_labels: Mapping[str, str] | None = None,
    ) -> RunPage:
        """List runs of the namespace, a page at a time, the latest first (a moment behind the log).

        Args:
            status: one, or several with commas between; `open` is all that have not ended.
            id: the caller's own key, whole.
            search: what a run id or a caller's key begins with.
            limit: runs in the page, 1 to 1000.
            before: the `next` of the page before; None: the first page.
            labels: runs that have all of them, at most ten together with `step_labels`.
            step_labels: runs whose steps have had all of them, not all on one step.

        Raises:
            Rejected: a limit, status or `before` that is none.
        """
        request = ListRequest(
            namespace=self.namespace,
            workflow=workflow,
            status=status,
            id=id,
            search=search,
            limit=limit,
            before=before,
            labels=dict(labels or {}),
            step_labels=dict(step_labels or {}),
        )
        return await self._link.asks.ask("monitoring", "list", request, RunPage)

    async def show(self, run_id: str) -> RunView:
        """Give a run with its steps, attempts and durations in milliseconds (a moment behind the
        log; `state` of a run is the log itself)."""
        return await self._link.asks.ask("monitoring", "show", {"run_id": run_id}, RunView)

    async def stats(self, workflow: str | None = None) -> Stats:
        """Give counts by status, latencies in milliseconds (within 5 %) and rates a second, of a
        workflow or of all in the namespace."""
        request = StatsRequest(namespace=self.namespace, workflow=workflow)
        return await self._link.asks.ask("monitoring", "stats", request, Stats)

    async def decisions(
        self, workflow: str | None = None, version: int | None = None, step: str | None = None
    ) -> DecisionStats:
        """Tell how the decisions of switches, tables and routes came out: counts, shares (0 to 1)
        and latencies (ms), also by hour and by day; of a workflow, a version, a step, or of all."""
        request = DecisionStatsRequest(
            namespace=self.namespace, workflow=workflow, version=version, step=step
        )
        return await self._link.asks.ask("monitoring", "decisions", request, DecisionStats)

    async def profile(
        self,
        workflow: str,
        *,
        since_s: float | None = None,
        status: str = "completed",
        limit: int = DEFAULT_RUNS,
    ) -> Profile | None:
        """Say where the time of a workflow's latest runs went, together; None: there are none. Of
        one run: `client.get(run_id).profile()`.

        Args:
            since_s: only of runs that started in the last so many seconds.
            status: how they ended.
            limit: of at most so many runs; each history is read whole.
        """
        return await workflow_profile(
            self._link.asks, self.namespace, workflow, since_s=since_s, status=status, limit=limit
        )

    async def history(
        self, run_id: str, after_seq: int = 0, limit: int | None = None
    ) -> list[RunEvent]:
        """Read the events of a run, oldest first: all of them, or the first `limit` after the event
        numbered `after_seq` (the first has number 1)."""
        return await read_history(self._link.asks, run_id, after_seq, limit)

    async def export_run(self, run_id: str) -> bytes:
        """Give a run's history as a document (JSON) that another installation takes: its events so
        far, the definitions that they follow, and its large payloads.

        Raises:
            NotReachable: nobody answered.
            Rejected: there is no such run.
        """
        return await export_run(self._link, run_id)

    async def import_run(self, document: bytes) -> Imported:
        """Take a run from the document of another installation; again, it changes nothing.

        Raises:
            Damaged: the document is not whole, or was changed.
            Rejected: the run, or a version of its workflow, is here with other content.
            NotReachable: no answer within 60 s; whether it was taken is not known.
        """
        return await import_run(self._link, document)

    async def explain(self, run_id: str) -> dict[str, Any]:
        """Ask why a run is still open; the same as `client.get(run_id).explain()`.

        Raises ValueError if the id is no UUID.
        """
        return await explain(self._link.asks, ids.run_id_text(ids.parse_run_id(run_id)))

    def choices(
        self,
        *,
        workflow: str | None = None,
        step: str | None = None,
        task: str | None = None,
        since_s: float | None = None,
        limit: int = MAX_EXPORTED,
    ) -> AsyncIterator[Choice]:
        """Read the choices of routes from the log of the latest runs: what was known of a device,
        that it was chosen, what came of it. Only of a workflow, a step, a task, of runs that
        started in the last `since_s` seconds, of at most `limit` runs."""
        return choices(
            self._link.asks,
            self.namespace,
            workflow=workflow,
            step=step,
            task=task,
            since_s=since_s,
            limit=limit,
        )
