"""Places in Postgres: counted alike by all who ask at once, and cheap in a long line."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from services.workflow.claims import Claim, Claims, LineKey, Waited
from services.workflow.store import ROLE
from services.workflow.views import line_view
from stretto.contracts.answers import LineView
from stretto.contracts.ids import uuid7
from stretto.postgres import Database
from stretto.runtime.clock import rfc3339

AT = LineKey("default", "run w", "k")
LONG = 50_000


def run_id(number: int) -> bytes:
    return uuid7(1_800_000_000_000 + number, b"%d" % number)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    database = await Database.open(dsn, ROLE, size=8)
    yield database
    await database.close()


async def test_who_asks_at_once_gets_no_more_places_than_there_are(database: Database) -> None:
    claims = Claims(database)

    async def ask(first: int) -> list[str]:
        wanted = [Claim(run_id(n), AT, 3, "queue") for n in range(first, first + 25)]
        return [place.outcome for place in (await claims.enter(wanted, first)).values()]

    said = await asyncio.gather(*(ask(first) for first in range(0, 200, 25)))

    outcomes = [outcome for each in said for outcome in each]
    assert (outcomes.count("admitted"), outcomes.count("queued")) == (3, 197)
    assert await claims.grant([AT], 0) == []


async def test_lines_that_are_asked_for_in_any_order_do_not_wait_for_each_other_for_ever(
    database: Database,
) -> None:
    claims = Claims(database)
    lines = [LineKey("default", "run w", f"k{n}") for n in range(20)]

    async def ask(turn: int) -> None:
        order = lines if turn % 2 else lines[::-1]
        wanted = [Claim(run_id(turn * 100 + n), at, 1, "queue") for n, at in enumerate(order)]
        await claims.enter(wanted, turn)
        await claims.grant(order, turn)

    async with asyncio.timeout(20):
        await asyncio.gather(*(ask(turn) for turn in range(12)))


async def test_the_lines_in_which_somebody_waits_are_found(database: Database) -> None:
    claims = Claims(database)
    other = LineKey("ns2", "step w", "k")
    await claims.enter([Claim(run_id(n), AT, 2, "queue") for n in range(5)], 7)
    await claims.enter([Claim(run_id(n), other, 1, "queue") for n in range(10, 12)], 9)
    await claims.enter([Claim(run_id(20), LineKey("default", "run v", "k"), 1, "queue")], 9)

    # Who comes later is newer, also at one instant.
    first, second = Waited(AT, 2, 2, 3, 9), Waited(other, 1, 1, 1, 10)
    assert await claims.waited_for(None, 10) == [first, second]
    assert await claims.waited_for("ns2", 10) == [second]
    assert await claims.waited_for(None, 1) == [first]
    assert line_view(second) == LineView(
        namespace="ns2", workflow="w", key="k", of="steps", limit=1, taken=1, waiting=1,
        since=rfc3339(10),
    )  # fmt: skip
    assert line_view(first).of == "runs"


async def test_the_same_claim_again_has_the_same_answer(database: Database) -> None:
    claims = Claims(database)
    wanted = [Claim(run_id(n), AT, 1, "reject") for n in range(2)]

    first = await claims.enter(wanted, 1)
    again = await claims.enter(wanted, 2)

    assert [p.outcome for p in first.values()] == ["admitted", "full"]
    assert again == first
    assert first[run_id(1)].others == [run_id(0)]


async def test_a_lower_limit_of_a_newer_version_has_more_of_the_old_cancelled(
    database: Database,
) -> None:
    claims = Claims(database)
    await claims.enter([Claim(run_id(n), AT, 3, "queue") for n in range(3)], 1)

    place = (await claims.enter([Claim(run_id(9), AT, 1, "cancel_running")], 2))[run_id(9)]

    assert place.outcome == "queued"
    assert place.others == [run_id(0), run_id(1), run_id(2)]


async def test_of_those_that_come_together_the_newest_alone_names_who_makes_room(
    database: Database,
) -> None:
    """Three waited; one of them is asked for again beside a hundred new ones of the same key."""
    claims = Claims(database)
    other = AT._replace(key="other")
    await claims.enter([Claim(run_id(n), AT, 1, "queue") for n in range(3)], 1)
    await claims.enter([Claim(run_id(3), AT, 1, "cancel_running")], 2)
    new = [Claim(run_id(n), AT, 1, "cancel_running") for n in range(10, 110)]

    places = await claims.enter(
        [
            *new,
            Claim(run_id(500), other, 1, "cancel_running"),
            Claim(run_id(3), AT, 1, "cancel_running"),
        ],
        3,
    )

    assert {p.outcome for at, p in places.items() if at != run_id(500)} == {"queued"}
    assert places[run_id(500)].outcome == "admitted"
    newest = new[-1].run_id
    assert set(places[newest].others) == {
        *(run_id(n) for n in range(4)),
        *(claim.run_id for claim in new[:-1]),
    }
    assert all(places[claim.run_id].others == [] for claim in new[:-1])
    assert set(places[run_id(3)].others) == {run_id(0), run_id(1), run_id(2)}


async def test_a_place_in_a_long_line_costs_no_more_than_in_a_short_one(
    database: Database, dsn: str
) -> None:
    claims = Claims(database)
    waiting = [run_id(n) for n in range(LONG)]
    await database.execute(
        "insert into workflow.claim (run_id, namespace, line, key, places, since) "
        "select r, 'default', 'run w', 'k', 1, now() from unnest($1::uuid[]) r",
        waiting,
    )
    await database.execute(
        "insert into workflow.run (run_id, shard, namespace, workflow, version, started_at) "
        "select r, 0, 'default', 'w', 1, now() from unnest($1::uuid[]) r",
        waiting,
    )

    async def took_ms(work: object) -> float:
        began = time.monotonic()
        await work  # type: ignore[misc]
        return (time.monotonic() - began) * 1_000

    [grant] = await claims.grant([AT], 1)
    first = grant.run_id
    assert first == waiting[0]
    enter = [
        await took_ms(claims.enter([Claim(run_id(LONG + n), AT, 1, "queue")], LONG))
        for n in range(5)
    ]
    grant = [await took_ms(claims.grant([AT], 1)) for _ in range(5)]
    look = [await took_ms(claims.overlooked()), await took_ms(claims.drop_orphans(1))]

    assert min(enter) < 50, enter
    assert min(grant) < 50, grant
    assert max(look) < 2_000, look
