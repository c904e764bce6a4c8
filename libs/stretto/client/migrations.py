"""Let running runs follow another version of their workflow: one by one, or all that may."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from stretto.client.errors import Rejected
from stretto.contracts.migration import (
    MigrationPage,
    MigrationQuery,
    MigrationsQuery,
    MigrationView,
    MovableRun,
)
from stretto.contracts.versions import parse_version

if TYPE_CHECKING:
    from stretto.client.answered import Answered
    from stretto.client.asking import Asks

AT_ONCE = 50
"""Migrations of a batch that are under way at once."""

PAGE = 500


class Reach(Protocol):
    """What is used of the bus."""

    @property
    def asks(self) -> Asks: ...
    @property
    def answered(self) -> Answered: ...
    @property
    def namespace(self) -> str: ...


@dataclass(kw_only=True)
class MigrationReport:
    """What became of the runs of a batch. `kept`: by kind of problem, how many; `refused`: the runs
    that are not migrated, each with the first reason."""

    to_version: int | None = None
    migrated: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    refused: dict[str, str] = field(default_factory=dict)


class Migrations:
    """What a client does about migrations; `Client.migrations`."""

    def __init__(self, link: Reach) -> None:
        self._link = link

    async def look(self, run_id: str, version: int | str | None = None) -> MigrationView:
        """Try a migration without doing it: what keeps the run, or what would change.

        Raises Rejected when there is no such run or version.
        """
        query = MigrationQuery(run_id=run_id, version=version)
        return await self._link.asks.ask("workflow", "migration", query, MigrationView)

    async def pages(
        self,
        workflow: str,
        *,
        from_version: int | str | None = None,
        to_version: int | str | None = None,
    ) -> AsyncGenerator[MigrationPage, None]:
        """Try the migration of all open runs of a workflow, a page at a time."""
        after: str | None = None
        while True:
            query = MigrationsQuery(
                workflow=workflow,
                namespace=self._link.namespace,
                from_version=from_version,
                to_version=to_version,
                after=after,
                limit=PAGE,
            )
            page = await self._link.asks.ask("workflow", "migrations", query, MigrationPage)
            yield page
            after = page.next
            if after is None:
                return

    async def migrate(
        self,
        run_id: str,
        version: int | str | None = None,
        *,
        by: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Let a run follow another version. Raises Rejected when something keeps it."""
        number, label = (None, None) if version is None else parse_version(str(version))
        fields = {"version": number, "version_label": label, "by": by, "reason": reason}
        await self._link.answered.control(self._link.namespace, run_id, "migrate", fields)

    async def migrate_all(
        self,
        workflow: str,
        *,
        from_version: int | str | None = None,
        to_version: int | str | None = None,
        limit: int | None = None,
        dry_run: bool = False,
        by: str | None = None,
        reason: str | None = None,
    ) -> MigrationReport:
        """Let every open run of a workflow that may follow another version, at most `limit` of
        them; with `dry_run` only count them."""
        report = MigrationReport()
        pages = self.pages(workflow, from_version=from_version, to_version=to_version)
        async for page in pages:
            report.to_version = page.to_version
            movable = [run.run_id for run in page.runs if not _note_kept(report, run)]
            if limit is not None:
                movable = movable[: limit - report.migrated]
            if dry_run:
                report.migrated += len(movable)
            else:
                await self._move(movable, page.to_version, report, by, reason)
            if limit is not None and report.migrated >= limit:
                break
        return report

    async def _move(
        self,
        run_ids: list[str],
        version: int,
        report: MigrationReport,
        by: str | None,
        reason: str | None,
    ) -> None:
        room = asyncio.Semaphore(AT_ONCE)

        async def one(run_id: str) -> None:
            async with room:
                try:
                    await self.migrate(run_id, version, by=by, reason=reason)
                except Rejected as error:  # it has gone on, or ended, since it was looked at
                    report.kept[error.code] += 1
                    report.refused[run_id] = error.message
                else:
                    report.migrated += 1

        async with asyncio.TaskGroup() as group:
            for run_id in run_ids:
                group.create_task(one(run_id))


def _note_kept(report: MigrationReport, run: MovableRun) -> bool:
    """Whether something keeps a run; it is noted then."""
    if run.problems:
        report.kept.update({found.code for found in run.problems})
        report.refused[run.run_id] = run.problems[0].message
    return bool(run.problems)
