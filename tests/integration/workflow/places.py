"""Places of runs and steps with a key, as the log and the claims tell of them."""

from tests.integration.workflow.world import World, until


async def claims(world: World) -> int:
    """How many places are asked for or taken."""
    [row] = await world.sql("select count(*) from workflow.claim")
    return int(row[0])


async def most_at_once(world: World, what: str, *, but: tuple[str, ...] = ()) -> int:
    """How many had a place at the same time, by the log: `run`, or `step` (those of `but` have
    none)."""
    rows = await world.sql(
        "select type from workflow.event where type = any($1) "
        "and coalesce(data ->> 'step', '') <> all($2) order by at, type desc",
        [f"{what}.admitted", f"{what}.completed"],
        list(but),
    )
    now = most = 0
    for row in rows:
        now += 1 if row["type"] == f"{what}.admitted" else -1
        most = max(most, now)
    return most


async def lose(world: World, freed: str, granted: str) -> None:
    """Free the place of one run and give it to another as if an instance that died had: nobody
    has heard of either."""
    await world.sql(
        "update workflow.claim set granted = now() - interval '1 hour' where run_id = $1", granted
    )
    await world.sql("delete from workflow.claim where run_id = $1", freed)


class Answering:
    """Completes steps one by one, each once: what is open is sent again after a while."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.done: set[tuple[bytes, str]] = set()

    async def one(self) -> None:
        while True:
            await until(lambda: self.world.execution.held)
            record = self.world.execution.held.popleft()
            self.world.execution.answer(record)
            if (record.run_id, record.path) not in self.done:
                self.done.add((record.run_id, record.path))
                return
