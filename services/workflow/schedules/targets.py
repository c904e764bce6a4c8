"""Whether there is what a schedule starts: a warning where it is not, since it may come later."""

from stretto.definition.mistakes import Mistake
from stretto.definition.nodes import quoted
from stretto.definition.suggestions import Suggestions
from stretto.postgres import Database
from stretto.schedule.document import LoadedSchedule

MAX_NAMES = 1_000
"""Names that a slip is compared with: enough for a suggestion, and soon read."""


class Targets:
    """The workflows that schedules name."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def warnings(self, namespace: str, loaded: LoadedSchedule, file: str) -> list[Mistake]:
        """Warn where the workflow of a schedule, or the version that it names, is not there now.

        Raises TransientError when the tables cannot be reached.
        """
        spec = loaded.spec
        assert spec is not None
        latest = await self._latest(namespace, spec.workflow)
        suggestion = ""
        if latest is None:
            reason = (
                f"expected workflow {quoted(spec.workflow)} to be there, but namespace "
                f"{quoted(namespace)} has none of that name: until it is applied no run can start"
            )
            near = Suggestions().nearest(spec.workflow, await self._names(namespace))
            suggestion = f"did you mean {quoted(near)}?" if near else ""
        elif spec.version is not None and spec.version > latest:
            reason = (
                f"expected version {spec.version} of workflow {quoted(spec.workflow)} to be there, "
                f"but the highest one is {latest}: until it is applied no run can start"
            )
        else:
            return []
        line, column = loaded.target_at
        return [
            Mistake(
                file=file,
                line=line,
                column=column,
                path="workflow",
                code="unknown_workflow",
                reason=reason,
                suggestion=suggestion,
            )
        ]

    async def _latest(self, namespace: str, workflow: str) -> int | None:
        """The highest version of a workflow; None: there is none of that name."""
        [row] = await self._db.fetch(
            "select max(version) from workflow.definition where namespace = $1 and workflow = $2",
            namespace,
            workflow,
        )
        return None if row[0] is None else int(row[0])

    async def _names(self, namespace: str) -> list[str]:
        rows = await self._db.fetch(
            "select distinct workflow from workflow.definition where namespace = $1 limit $2",
            namespace,
            MAX_NAMES,
        )
        return [row[0] for row in rows]
