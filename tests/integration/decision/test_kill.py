"""The decision service as a process: killed under load, nothing is lost."""

import asyncio
import os
import sys
from pathlib import Path

from stretto.bus.connection import Connection
from stretto.dev.process import ServiceProcess
from stretto.testkit.servers import NatsServer
from tests.integration.decision.asking import Asker, asks
from tests.integration.decision.test_answering import until_nothing_is_left

START_TIMEOUT_S = 30.0
FRAMES = 120
RECORDS = 50


def process(name: str, nats_url: str, data_dir: Path) -> ServiceProcess:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("STRETTO_", "OTEL_"))}
    return ServiceProcess(
        name,
        [sys.executable, "-m", "services.decision"],
        data_dir / f"{name}.log",
        {**inherited, "STRETTO_NATS_URL": nats_url, "STRETTO_INSTANCE": name},
    )


async def test_killed_under_load_it_loses_nothing(
    nats_url: str, asker: Asker, bus: Connection, data_dir: Path
) -> None:
    first = process("decision-1", nats_url, data_dir)
    second = process("decision-2", nats_url, data_dir)
    await first.start(START_TIMEOUT_S)
    wanted = {(n.to_bytes(16, "big"), "step", 1) for n in range(FRAMES * RECORDS)}

    async def load() -> None:
        for number in range(FRAMES):
            await asker.publish(asks(range(number * RECORDS, (number + 1) * RECORDS)))

    async def kills() -> None:
        for share in (0.1, 0.4):
            while len(asker.answers) < share * len(wanted):  # noqa: ASYNC110 - read elsewhere
                await asyncio.sleep(0.001)
            await first.kill()
            await first.start(START_TIMEOUT_S)
        await second.start(START_TIMEOUT_S)
        await first.kill()  # for good: another instance goes on

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(asker.read(wanted))
            group.create_task(kills())
            group.create_task(load())
        await until_nothing_is_left(bus)
    finally:
        await first.kill()
        await second.stop()
    assert asker.answers.keys() == wanted
    for (run_id, _, _), answer in asker.answers.items():
        assert answer.output == b'{"echo":%d}' % int.from_bytes(run_id, "big")
    assert await second.ended() == 0


async def test_it_goes_on_when_the_store_was_deleted(data_dir: Path) -> None:
    from stretto.bus.connection import connect

    server = NatsServer(data_dir)
    await server.start()
    service = process("decision-1", server.url, data_dir)
    await service.start(START_TIMEOUT_S)
    async with await connect(server.url, "test") as bus:
        asker = Asker(bus)
        await asker.open()
        await asker.publish(asks([1]))
        await asker.read([((1).to_bytes(16, "big"), "step", 1)])
        await server.wipe_store()
        await bus.wait_connected()
        await asker.close()
        asker = Asker(bus)
        await asker.open()
        await asker.publish(asks([2]))
        await asker.read([((2).to_bytes(16, "big"), "step", 1)])
        await asker.close()
    await service.stop()
    assert await service.ended() == 0
    await server.stop()
