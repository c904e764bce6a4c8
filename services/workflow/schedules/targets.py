"""Whether there is what a schedule starts: a warning where it is not, since it may come later."""

from services.workflow.schedules.store import ScheduleStore
from stretto.definition.mistakes import Mistake
from stretto.definition.nodes import quoted
from stretto.definition.suggestions import Suggestions
from stretto.schedule.document import LoadedSchedule


async def target_warnings(
    store: ScheduleStore, namespace: str, loaded: LoadedSchedule, file: str
) -> list[Mistake]:
    """Warn where the workflow of a schedule, or the version that it names, is not there now.

    Raises TransientError when the tables cannot be reached.
    """
    spec = loaded.spec
    assert spec is not None
    latest = await store.latest_version(namespace, spec.workflow)
    suggestion = ""
    if latest is None:
        reason = (
            f"expected workflow {quoted(spec.workflow)} to be there, but namespace "
            f"{quoted(namespace)} has none of that name: until it is applied no run can start"
        )
        near = Suggestions().nearest(spec.workflow, await store.workflows(namespace))
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
