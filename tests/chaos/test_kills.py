"""Each part killed without a word in the middle of work: every run completes, none is doubled."""

import shutil

import pytest

from tests.chaos.conftest import World

RUNS = 60

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


async def test_every_service_killed_in_turn_loses_and_doubles_nothing(world: World) -> None:
    for part in ("workflow", "decision", "execution", "monitoring"):
        await world.start(RUNS // 2)
        world.kill(part)
        await world.start(RUNS // 2)
    await world.all_complete_once()


async def test_the_bus_killed_under_load_loses_nothing(world: World) -> None:
    await world.start(RUNS)
    world.kill("nats")
    await world.start(RUNS)
    await world.all_complete_once()


async def test_postgres_killed_under_load_loses_nothing(world: World) -> None:
    await world.start(RUNS)
    world.kill("postgres")
    await world.start(RUNS)
    await world.all_complete_once()


async def test_the_whole_message_store_deleted_under_load_loses_no_accepted_run(
    world: World,
) -> None:
    await world.start(RUNS)
    await world.all_accepted()
    store = world.rig.data / "nats" / "jetstream"
    assert store.is_dir()
    world.kill("nats")
    shutil.rmtree(store)
    await world.all_complete_once()
