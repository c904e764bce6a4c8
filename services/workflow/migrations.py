"""Migrations: which version a run is to follow, and what that would mean for many runs at once."""

from collections import Counter

import msgspec

from services.workflow.core import migrating
from services.workflow.core.commands import Control, Migrate
from services.workflow.inbox import Addressed
from services.workflow.loading import Loader
from services.workflow.registry import Registered, Registry
from services.workflow.slots import Slot
from services.workflow.store import Store
from stretto.contracts.ids import run_id_text

MAX_PAGE = 1_000
"""Runs that one answer looks at: folding them takes a second or so."""

DEFAULT_PAGE = 500
MIGRATE = "migrate"


class Migrations:
    """Finds the version that a run is asked to follow."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def prepare(self, item: Addressed, loader: Loader) -> None:
        """Turn a person's command to migrate into one that holds the graph of the version."""
        if not isinstance(item.command, Control) or item.command.request.command != MIGRATE:
            return
        slot = loader.slots.get(item.run_id)
        if slot is None:
            return
        request = item.command.request
        registered = await self._registry.find(
            slot.row.namespace, slot.row.workflow, request.version, request.version_label
        )
        item.command = Migrate(
            request=request,
            graph=None if registered is None else registered.graph,
            input_problems=unfit(registered, slot),
        )


def unfit(registered: Registered | None, slot: Slot) -> tuple[str, ...]:
    """Where the input of a run does not fit the schema of a version."""
    return () if registered is None else tuple(registered.input_problems(slot.run.input))


Version = int | str | None
"""A number, a label, or None: the latest."""


def version_ref(version: Version) -> tuple[int | None, str | None]:
    """A version as the registry is asked for it: by number, or by label."""
    return (None, version) if isinstance(version, str) else (version, None)


class MigrationQuery(msgspec.Struct, frozen=True):
    """May this run follow that version (left out: the latest), and what would change?"""

    run_id: str
    version: Version = None


class MigrationsQuery(msgspec.Struct, frozen=True):
    """Which open runs of a workflow may follow a version; a page at a time."""

    workflow: str
    namespace: str = "default"
    from_version: Version = None
    to_version: Version = None
    after: str | None = None
    limit: int = DEFAULT_PAGE


def looked_at(slot: Slot, registered: Registered) -> dict[str, object]:
    """The dry run of one run: what keeps it, or what would change."""
    graph = registered.graph
    found = migrating.problems(slot.run, graph, unfit(registered, slot))
    return {
        "run_id": slot.text,
        "workflow": slot.run.workflow,
        "from_version": slot.run.version,
        "to_version": graph.version,
        "possible": not found,
        "problems": found,
        "changes": [] if found else migrating.changes(slot.run, graph),
    }


async def page(
    store: Store,
    loader: Loader,
    registered: Registered,
    query: MigrationsQuery,
    *,
    source: int | None,
    after: bytes,
) -> dict[str, object]:
    """The dry run of many that follow version `source` (None: any), by run id from `after` on:
    those that may go, and the others by reason."""
    limit = max(1, min(query.limit, MAX_PAGE))
    graph = registered.graph
    rows = await store.open_of(query.namespace, query.workflow, source, after, limit)
    runs: list[dict[str, object]] = []
    reasons: Counter[str] = Counter()
    wanted = [row for row in rows if row.version != graph.version]
    async for slot, _ in loader.folded(wanted):
        if slot.run.closed:
            continue  # it has ended meanwhile
        found = migrating.problems(slot.run, graph, unfit(registered, slot))
        told: dict[str, object] = {"run_id": slot.text, "from_version": slot.run.version}
        if found:
            told["problems"] = found
            reasons.update({each.code for each in found})
        runs.append(told)
    answer: dict[str, object] = {
        "workflow": query.workflow,
        "to_version": graph.version,
        "runs": runs,
        "reasons": dict(reasons),
    }
    if len(rows) == limit:
        answer["next"] = run_id_text(rows[-1].run_id)
    return answer
