"""The client: one connection, from which runs are started, found and watched."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Generator, Iterable, Mapping
from types import TracebackType
from typing import Any

import msgspec

from stretto.bus.connection import Connection, Credentials, connect
from stretto.bus.publisher import Outgoing
from stretto.client.answered import define, store
from stretto.client.carrying import export_run, import_run
from stretto.client.catalogue import Catalogue
from stretto.client.choices import MAX_RUNS as MAX_EXPORTED
from stretto.client.choices import Choice, choices
from stretto.client.errors import Rejected
from stretto.client.feed import RunEvent
from stretto.client.feed import history as read_history
from stretto.client.learned import Learned
from stretto.client.link import Link, link
from stretto.client.migrations import Migrations
from stretto.client.profiles import DEFAULT_RUNS, workflow_profile
from stretto.client.run import Run
from stretto.client.schedules import Schedules
from stretto.client.starting import (
    Start,
    by_reference,
    check_name,
    prepare,
    read_answer,
    settle,
    version_of,
)
from stretto.contracts import ids
from stretto.contracts.answers import (
    DEFAULT_PAGE,
    DefinitionSummary,
    ListRequest,
    QueuePage,
    QueueView,
    RunPage,
    RunView,
    Stats,
    StatsRequest,
)
from stretto.contracts.decisions import DecisionStats, DecisionStatsRequest
from stretto.contracts.payload import MAX_STORED_BYTES
from stretto.contracts.public import Defined, ForkRequest, Presence
from stretto.history.document import Imported
from stretto.profiling.report import Profile

URL_VARIABLE = "STRETTO_NATS_URL"
INBOX_VARIABLE = "STRETTO_NATS_INBOX_PREFIX"
DEFAULT_INBOX = "_INBOX"
DEFAULT_URL = "nats://127.0.0.1:4222"
CONNECT_TIMEOUT_S = 5.0


class _Definitions(msgspec.Struct):
    definitions: list[DefinitionSummary] = []


class _Devices(msgspec.Struct):
    devices: list[Presence] = []


class _Mistakes(msgspec.Struct):
    mistakes: list[dict[str, Any]] = []


class Client:
    """Starts runs and waits for them; registers definitions; asks.

    ::

        async with Client.connect() as client:
            run = await client.start("greet", {"name": "Ada"})
            print(await run.result())

    For any number of tasks of one event loop. The connection comes back by itself when it was lost.
    """

    def __init__(self, connection: Connection, namespace: str = "default") -> None:
        """Use a connection that is there already; `close` leaves it open."""
        check_name("namespace", namespace)
        self._link: Link = link(connection, namespace)
        self._owned: Connection | None = None
        self._stop_hearing = connection.on_change(
            lost=_nothing, back=self._link.endings.reconnected
        )

    @classmethod
    def connect(
        cls,
        url: str | None = None,
        namespace: str = "default",
        *,
        name: str = "stretto-client",
        credentials: Credentials | None = None,
        inbox_prefix: str | None = None,
        timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> Connecting:
        """Connect: `async with Client.connect() as client`, or `client = await Client.connect()`.

        Args:
            url: `nats://host:4222`, several with commas between; None: the variable
                STRETTO_NATS_URL, or this machine.
            namespace: where runs are started and looked for.
            name: shown by the server's monitoring.
            inbox_prefix: where answers come back, for a user with few permissions; None: the
                variable STRETTO_NATS_INBOX_PREFIX, or `_INBOX`.
            timeout_s: how long to try when the server is not there.

        Raises:
            NotReachable: no server answered in time.
            PermanentError: it refused our credentials, or the URL is wrong.
        """
        where = url or os.environ.get(URL_VARIABLE) or DEFAULT_URL
        inbox = inbox_prefix or os.environ.get(INBOX_VARIABLE) or DEFAULT_INBOX
        return Connecting(
            url=where,
            namespace=namespace,
            name=name,
            credentials=credentials,
            inbox_prefix=inbox,
            timeout_s=timeout_s,
        )

    @property
    def namespace(self) -> str:
        return self._link.namespace

    @property
    def connection(self) -> Connection:
        """The connection to the bus, for what this client does not do."""
        return self._link.connection

    async def close(self) -> None:
        """Stop, and close the connection if it was made by `connect`. Twice is fine."""
        self._stop_hearing()
        self._stop_hearing = _nothing
        await self._link.publisher.close()
        if self._owned is not None:
            await self._owned.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # --- runs

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

    # --- asking about runs

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
        """List runs of the namespace, the latest first; `before` is the `next` of a page; with
        `labels`, those that have all of them; with `step_labels`, those whose steps have had them
        (not all on one step). At most ten of both."""
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
        """Give a run with its steps, attempts and durations (a moment behind the log)."""
        return await self._link.asks.ask("monitoring", "show", {"run_id": run_id}, RunView)

    async def stats(self, workflow: str | None = None) -> Stats:
        """Give counts by status, latencies and rates of the namespace."""
        request = StatsRequest(namespace=self.namespace, workflow=workflow)
        return await self._link.asks.ask("monitoring", "stats", request, Stats)

    async def decisions(
        self, workflow: str | None = None, version: int | None = None, step: str | None = None
    ) -> DecisionStats:
        """Tell how the decisions of switches and tables came out: counts, shares, latencies."""
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
        one run: `client.get(run_id).profile()`."""
        return await workflow_profile(
            self._link.asks, self.namespace, workflow, since_s=since_s, status=status, limit=limit
        )

    async def history(
        self, run_id: str, after_seq: int = 0, limit: int | None = None
    ) -> list[RunEvent]:
        """Read the events of a run, all of them or the first `limit` after `after_seq`."""
        return await read_history(self._link.asks, run_id, after_seq, limit)

    async def export_run(self, run_id: str) -> bytes:
        """Give a run's history as a document (JSON) that another installation takes."""
        return await export_run(self._link, run_id)

    async def import_run(self, document: bytes) -> Imported:
        """Take a run from the document of another installation; again, it changes nothing.

        Raises:
            Damaged: the document is not whole.
            Rejected: the run, or a version of its workflow, is here with other content.
        """
        return await import_run(self._link, document)

    async def explain(self, run_id: str) -> dict[str, Any]:
        """Ask why a run is still open."""
        return await self.get(run_id).explain()

    # --- schedules, definitions, queues

    @property
    def schedules(self) -> Schedules:
        """The schedules of the namespace: what starts runs by the clock."""
        return Schedules(self._link.answered, self._link.asks, self.namespace)

    @property
    def catalogue(self) -> Catalogue:
        """Versions and their labels, and templates."""
        return Catalogue(self._link.asks, self.namespace)

    async def register(self, source: str) -> Defined:
        """Register a definition (YAML). The same one again gives the version that it has.

        Raises:
            DefinitionMistakes: it was refused; all its mistakes with their places.
            NotReachable: the workflow service did not answer in time.
        """
        return await define(self._link.asks, self.namespace, source)

    async def validate(self, source: str) -> list[dict[str, Any]]:
        """Give the mistakes of a definition without registering it; empty: there are none."""
        answer = await self._link.asks.ask("workflow", "validate", {"source": source}, _Mistakes)
        return answer.mistakes

    async def definitions(self) -> list[DefinitionSummary]:
        """List the workflows of the namespace, each with its latest version."""
        request = {"namespace": self.namespace}
        answer = await self._link.asks.ask("workflow", "definitions", request, _Definitions)
        return answer.definitions

    async def definition(self, workflow: str, version: int | str | None = None) -> dict[str, Any]:
        """Give one definition with its source; `version` may be a label, None is the latest."""
        request: dict[str, Any] = {"namespace": self.namespace, "workflow": workflow}
        request["version"], request["version_label"] = version_of(version)
        return await self._link.asks.ask("workflow", "definition", request, dict[str, Any])

    @property
    def migrations(self) -> Migrations:
        """Let running runs follow another version: try it, one by one, or all that may."""
        return Migrations(self._link)

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

    @property
    def learned(self) -> Learned:
        """What the routing strategy `learned` knows: look at it, freeze it, reset it."""
        return Learned(self._link)

    async def queues(self) -> list[QueueView]:
        """List the queues with what waits in them and who serves them."""
        return (await self.queue_page()).queues

    async def queue_page(self) -> QueuePage:
        """List the queues, and the tasks that attempts wait for and nobody present does."""
        return await self._link.asks.ask("execution", "queues", {}, QueuePage)

    async def devices(self) -> list[Presence]:
        """List the workers and devices that are present."""
        return (await self._link.asks.ask("execution", "devices", {}, _Devices)).devices


class Connecting:
    """A connection to be made: `async with` it, or `await` it."""

    def __init__(
        self,
        *,
        url: str,
        namespace: str,
        name: str,
        credentials: Credentials | None,
        inbox_prefix: str,
        timeout_s: float,
    ) -> None:
        check_name("namespace", namespace)
        self._url = url
        self._namespace = namespace
        self._name = name
        self._credentials = credentials
        self._inbox_prefix = inbox_prefix
        self._timeout_s = timeout_s
        self._client: Client | None = None

    def __await__(self) -> Generator[Any, None, Client]:
        return self._connect().__await__()

    async def __aenter__(self) -> Client:
        self._client = await self._connect()
        return self._client

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._client is not None:
            await self._client.close()

    async def _connect(self) -> Client:
        connection = await connect(
            self._url,
            self._name,
            credentials=self._credentials,
            inbox_prefix=self._inbox_prefix,
            timeout_s=self._timeout_s,
        )
        client = Client(connection, self._namespace)
        client._owned = connection
        return client


def _nothing() -> None:
    """Nothing is to be done."""
