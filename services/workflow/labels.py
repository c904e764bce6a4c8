"""Which version a label of a workflow or template points to; `latest` is one that nobody sets.

The latest version is the one that was applied last (docs/adr/0009): a definition that is applied
again, older than others, is the latest from then on. A message may be handled twice, live and from
the stream, in any order: a label only moves when the message is later than what moved it last.
"""

from typing import Literal, NamedTuple

from stretto.contracts.versions import LATEST
from stretto.postgres import Database

Kind = Literal["workflow", "template"]


class Named(NamedTuple):
    """A workflow or a template of a namespace."""

    kind: Kind
    namespace: str
    name: str


class Moved(NamedTuple):
    """What became of a label: where it pointed before, and whether it was changed."""

    before: int | None
    changed: bool


class Labels:
    """The labels of an installation."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def version(self, of: Named, label: str) -> int | None:
        """The version that a label points to, or None where there is no such label."""
        rows = await self._db.fetch(
            "select version from workflow.label "
            "where kind = $1 and namespace = $2 and name = $3 and label = $4",
            *of,
            label,
        )
        if rows and rows[0][0] is not None:
            return int(rows[0][0])
        return await self._highest(of) if label == LATEST else None

    async def _highest(self, of: Named) -> int | None:
        """What is the latest where nothing says so: registered by a build that had no labels."""
        rows = await self._db.fetch(
            f"select max(version) from workflow.{_TABLES[of.kind]} "
            f"where namespace = $1 and {of.kind} = $2",
            of.namespace,
            of.name,
        )
        return None if rows[0][0] is None else int(rows[0][0])

    async def exists(self, of: Named, version: int) -> bool:
        """Tell whether a version is registered."""
        rows = await self._db.fetch(
            f"select from workflow.{_TABLES[of.kind]} "
            f"where namespace = $1 and {of.kind} = $2 and version = $3",
            of.namespace,
            of.name,
            version,
        )
        return bool(rows)

    async def point(
        self, of: Named, label: str, version: int | None, stored_us: int | None = None
    ) -> Moved:
        """Let a label point to a version, or to none.

        `stored_us`: when the message that asks for it was stored; None: it is asked now, which
        is later than everything before.
        """
        before = await self.version(of, label)
        rows = await self._db.fetch(
            "insert into workflow.label as l (kind, namespace, name, label, version, at) "
            "values ($1, $2, $3, $4, $5, coalesce($6, clock_timestamp())) "
            "on conflict (namespace, kind, name, label) do update "
            "set version = excluded.version, at = greatest(l.at, excluded.at) "
            "where $6 is null or excluded.at > l.at returning version",
            *of,
            label,
            version,
            stored_us,
        )
        return Moved(before, bool(rows) and before != version)

    async def of(self, kind: Kind, namespace: str) -> dict[str, dict[str, int]]:
        """Every label of a namespace by name; `latest` where it was ever applied."""
        rows = await self._db.fetch(
            "select name, label, version from workflow.label "
            "where kind = $1 and namespace = $2 and version is not null order by name, label",
            kind,
            namespace,
        )
        found: dict[str, dict[str, int]] = {}
        for name, label, version in rows:
            found.setdefault(name, {})[label] = version
        return found


_TABLES: dict[Kind, str] = {"workflow": "definition", "template": "template"}
