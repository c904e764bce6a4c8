"""What can be asked about migrations: dry runs, by any instance."""

from services.workflow.loading import Loader
from services.workflow.migrations import (
    MigrationQuery,
    MigrationsQuery,
    Version,
    looked_at,
    page,
    version_ref,
)
from services.workflow.registry import Registered, Registry
from services.workflow.store import Store
from stretto.bus.queries import read_query, read_run_id
from stretto.bus.service import Handler, Refusal
from stretto.contracts.codec import json_encode


class MigrationApi:
    """The operations of `stretto.api.workflow.*` that are about migrations."""

    def __init__(self, store: Store, registry: Registry, loader: Loader) -> None:
        self._store = store
        self._registry = registry
        self._loader = loader

    def operations(self) -> dict[str, Handler]:
        return {"migration": self.migration, "migrations": self.migrations}

    async def migration(self, data: bytes) -> bytes:
        """The dry run of a migration: what keeps the run, or what would change."""
        query = read_query(MigrationQuery, data)
        rows = await self._store.runs([read_run_id(query.run_id)])
        if not rows:
            raise Refusal(
                "run_unknown", f"expected run {query.run_id[:60]} to exist, but it does not"
            )
        async for slot, _ in self._loader.folded(rows):
            found = await self._find(slot.row.namespace, slot.row.workflow, query.version)
            return json_encode(looked_at(slot, found))
        raise Refusal("run_at_fault", f"expected run {query.run_id} to be sound, but it is not")

    async def migrations(self, data: bytes) -> bytes:
        """The dry run of a migration of all open runs of a workflow, a page at a time."""
        query = read_query(MigrationsQuery, data)
        after = bytes(16) if query.after is None else read_run_id(query.after)
        registered = await self._find(query.namespace, query.workflow, query.to_version)
        source = None
        if query.from_version is not None:
            found = await self._find(query.namespace, query.workflow, query.from_version)
            source = found.graph.version
        found_page = await page(
            self._store, self._loader, registered, query, source=source, after=after
        )
        return json_encode(found_page)

    async def _find(self, namespace: str, workflow: str, version: Version) -> Registered:
        number, label = version_ref(version)
        found = await self._registry.find(namespace, workflow, number, label)
        if found is None:
            wanted = "" if version is None else f" version {version}"
            raise Refusal(
                "workflow_unknown",
                f"expected workflow {workflow[:100]!r}{wanted} to be registered, but it is not",
            )
        return found
