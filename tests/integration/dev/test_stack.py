"""The stack comes up, keeps everything up, and leaves nothing behind."""

import asyncio
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import asyncpg
import nats
import pytest

from stretto.dev import DevStack, NotStarted, dev_stack
from stretto.dev.plan import USUAL_NATS_PORT
from stretto.dev.process import STOP_TIMEOUT_S
from stretto.dev.ready_file import read_ready
from stretto.dev.stack import DataDirInUse
from stretto.runtime.errors import NotReachable
from stretto.testkit.servers import NatsServer

from .stacks import STAND_IN, eventually, kill, lives, options, stand_in


def said(stack: DevStack, name: str) -> list[str]:
    return (stack.log_dir / f"{name}.log").read_text().splitlines()


async def test_everything_answers_when_the_context_is_entered_and_is_gone_when_it_is_left(
    data_dir: Path,
) -> None:
    ready_file = data_dir / "elsewhere" / "ready.json"
    services = (stand_in("workflow"), stand_in("gateway", alone=True))
    async with dev_stack(
        options(data_dir, *services, scale={"workflow": 2}, ready_file=ready_file)
    ) as stack:
        connection = await nats.connect(stack.endpoints.nats)
        await connection.flush()
        await connection.close()
        database = await asyncpg.connect(stack.endpoints.postgres)
        assert await database.fetchval("select current_database()") == "stretto"
        await database.close()

        ready = json.loads(ready_file.read_text())
        assert ready["nats"] == stack.endpoints.nats
        assert ready["postgres"] == stack.endpoints.postgres
        assert ready["http"] == stack.endpoints.http
        assert ready["pids"] == stack.pids()
        assert {name: len(pids) for name, pids in ready["pids"].items()} == {
            "workflow": 2,
            "gateway": 1,
            "nats": 1,
            "postgres": 1,
        }
        assert ready_file.stat().st_mode & 0o077 == 0
        found = read_ready(data_dir)
        assert found is not None
        assert found.supervisor == os.getpid()

        everyone = [pid for pids in ready["pids"].values() for pid in pids]
        assert all(map(lives, everyone))

    assert not any(map(lives, everyone))
    assert not ready_file.exists()
    assert read_ready(data_dir) is None
    assert said(stack, "workflow")[-1] == said(stack, "workflow-2")[-1] == "ended in order"


async def test_each_service_is_told_what_it_needs_and_no_more(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRETTO_INSTANCE", "mine")
    monkeypatch.setenv("STRETTO_TRACE_RATIO", "0.5")
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    services = (stand_in("workflow"), stand_in("decision"), stand_in("gateway", alone=True))
    async with dev_stack(
        options(data_dir, *services, environment={"STRETTO_PARTITIONS": "8"})
    ) as stack:
        told = {
            name: json.loads(said(stack, name)[0])["environment"]
            for name in ("workflow", "decision", "gateway")
        }
        assert stack.endpoints.http is not None

    assert told["workflow"]["STRETTO_POSTGRES_DSN"] == stack.endpoints.postgres
    assert "STRETTO_POSTGRES_DSN" not in told["decision"]
    assert stack.endpoints.http.endswith(":" + told["gateway"]["STRETTO_HTTP_PORT"])
    for environment in told.values():
        assert environment["STRETTO_NATS_URL"] == stack.endpoints.nats
        assert environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == stack.endpoints.otlp
        assert environment["STRETTO_TRACE_RATIO"] == "0.5"
        assert environment["STRETTO_PARTITIONS"] == "8"
        assert "STRETTO_INSTANCE" not in environment


async def test_spans_go_where_the_environment_says(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://elsewhere:4318")
    async with dev_stack(options(data_dir, stand_in("decision"))) as stack:
        assert stack.endpoints.otlp is None
        told = json.loads(said(stack, "decision")[0])["environment"]
    assert told["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://elsewhere:4318"
    assert not stack.trace_dir.exists()


async def test_a_killed_service_and_killed_servers_come_back_at_the_same_place(
    data_dir: Path,
) -> None:
    ready_file = data_dir / "r.json"
    async with dev_stack(options(data_dir, stand_in("workflow"), ready_file=ready_file)) as stack:
        before = stack.pids()
        endpoints = stack.endpoints
        for name in ("workflow", "nats", "postgres"):
            kill(before[name][0])
            await eventually(lambda: not stack.ready)
            told = read_ready(data_dir)
            assert told is not None and not told.ready, "other commands find the bus all the same"
            assert not ready_file.exists()
            await eventually(lambda: stack.ready)
            assert ready_file.exists()

        after = stack.pids()
        assert all(len(pids) == 1 for pids in after.values())
        old = {pid for pids in before.values() for pid in pids}
        assert not old & {pid for pids in after.values() for pid in pids}
        found = read_ready(data_dir)
        assert found is not None
        assert found.pids == after
        assert stack.endpoints == endpoints
        connection = await nats.connect(endpoints.nats)
        await connection.close()
        database = await asyncpg.connect(endpoints.postgres)
        await database.close()


async def test_state_is_kept_from_one_start_to_the_next(data_dir: Path) -> None:
    async with dev_stack(options(data_dir)) as stack:
        connection = await nats.connect(stack.endpoints.nats)
        await connection.jetstream().add_stream(name="kept", subjects=["kept"])
        await connection.close()
        before = stack.endpoints
        database = await asyncpg.connect(stack.endpoints.postgres)
        await database.execute("create table kept as select 1 as n")
        await database.close()

    async with dev_stack(options(data_dir)) as stack:
        connection = await nats.connect(stack.endpoints.nats)
        assert stack.endpoints == before, "who knows where it was finds it there"
        await connection.jetstream().stream_info("kept")
        await connection.close()
        database = await asyncpg.connect(stack.endpoints.postgres)
        assert await database.fetchval("select n from kept") == 1
        await database.close()


async def test_taken_ports_are_passed_over(data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", USUAL_NATS_PORT))
            taken.listen()
        except OSError:
            pass  # somebody else has it: just as good
        async with dev_stack(options(data_dir)) as stack:
            assert not stack.endpoints.nats.endswith(f":{USUAL_NATS_PORT}")


async def test_a_port_that_is_taken_before_the_gateway_has_it_is_passed_over(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = stand_in("gateway", "page", alone=True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        # As if it had been free when it was looked at.
        monkeypatch.setattr("stretto.dev.stack.port_near", lambda usual, before: port)
        async with dev_stack(options(data_dir, gateway)) as stack:
            assert stack.endpoints.http is not None
            assert not stack.endpoints.http.endswith(f":{port}")
            assert len(stack.pids()["gateway"]) == 1
    assert json.loads(said(stack, "gateway")[-2])["environment"]["STRETTO_HTTP_PORT"] != str(port)


async def test_a_gateway_that_fails_for_another_reason_has_failed(data_dir: Path) -> None:
    with pytest.raises(NotStarted, match="ended with exit code 7"):
        async with dev_stack(options(data_dir, stand_in("gateway", "exit", alone=True))):
            raise AssertionError("not reached")


async def test_a_second_stack_on_the_same_data_is_refused(data_dir: Path) -> None:
    async with dev_stack(options(data_dir)) as stack:
        with pytest.raises(DataDirInUse, match="another `stretto dev` runs there") as refused:
            async with dev_stack(options(data_dir)):
                raise AssertionError("not reached")
        assert stack.endpoints.nats in str(refused.value)
        assert stack.ready


@pytest.mark.parametrize(
    ("behaviour", "why"), [("exit", "ended with exit code 7"), ("never", "was not ready after 2 s")]
)
async def test_a_service_that_does_not_come_up_is_an_error_with_the_end_of_its_log(
    data_dir: Path, behaviour: str, why: str
) -> None:
    broken = stand_in("workflow", behaviour)
    with pytest.raises(NotStarted, match=why) as refused:
        async with dev_stack(options(data_dir, broken, start_timeout_s=2.0)):
            raise AssertionError("not reached")
    assert "STRETTO_NATS_URL" in str(refused.value)
    pid = json.loads((data_dir / "logs" / "workflow.log").read_text().splitlines()[0])["pid"]
    assert not lives(pid)


async def test_a_service_that_ignores_the_signal_is_killed(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert STOP_TIMEOUT_S > 10
    monkeypatch.setattr("stretto.dev.process.STOP_TIMEOUT_S", 0.3)
    async with dev_stack(options(data_dir, stand_in("workflow", "deaf"))) as stack:
        pid = stack.pids()["workflow"][0]
    assert not lives(pid)


async def test_given_servers_are_used_and_left_alone(
    data_dir: Path, nats_server: NatsServer, nats_url: str, postgres_dsn: str
) -> None:
    given = options(data_dir, nats=nats_url, postgres=postgres_dsn)
    async with dev_stack(given) as stack:
        assert stack.endpoints.nats == nats_url
        assert stack.endpoints.postgres == postgres_dsn
        assert stack.pids()["nats"] == stack.pids()["postgres"] == []
    assert nats_server.pid is not None
    database = await asyncpg.connect(postgres_dsn)
    await database.close()


async def test_given_servers_that_do_not_answer_are_an_error_without_their_passwords(
    data_dir: Path, nats_url: str
) -> None:
    nowhere = options(data_dir, nats="nats://me:secret@127.0.0.1:9")
    with pytest.raises(NotReachable, match=r"127\.0\.0\.1:9") as refused:
        async with dev_stack(nowhere):
            raise AssertionError("not reached")
    assert "secret" not in str(refused.value)

    nowhere = options(data_dir, nats=nats_url, postgres="postgresql://me:secret@127.0.0.1:9/x")
    with pytest.raises(NotReachable, match=r"postgresql://127\.0\.0\.1:9/x") as refused:
        async with dev_stack(nowhere):
            raise AssertionError("not reached")
    assert "secret" not in str(refused.value)


async def test_a_program_that_does_not_answer_is_up_once_it_runs_and_is_kept_running(
    data_dir: Path,
) -> None:
    silent = dataclasses.replace(stand_in("worker", "never"), answers=False)
    async with dev_stack(options(data_dir, silent)) as stack:
        [before] = stack.pids()["worker"]
        kill(before)
        await eventually(lambda: not stack.ready)
        await eventually(lambda: stack.ready)
        assert stack.pids()["worker"] != [before]


PROGRAM = """
import asyncio, sys
from pathlib import Path
from stretto.dev import DevOptions, ServicePlan, dev_stack

async def main():
    plan = ServicePlan("workflow", (sys.executable, sys.argv[2], "deaf"))
    async with dev_stack(DevOptions(data=Path(sys.argv[1]), services=(plan,))):
        print("up", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_nothing_is_left_when_the_supervisor_is_killed(data_dir: Path) -> None:
    supervisor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(PROGRAM), str(data_dir), str(STAND_IN)),
        stdout=subprocess.PIPE,
    )
    assert supervisor.stdout is not None
    try:
        assert await asyncio.wait_for(supervisor.stdout.readline(), 30) == b"up\n"
        ready = read_ready(data_dir)
        assert ready is not None
        everyone = [pid for pids in ready.pids.values() for pid in pids]
        assert all(map(lives, everyone))
    finally:
        supervisor.send_signal(signal.SIGKILL)
        await supervisor.wait()

    await eventually(lambda: not any(map(lives, everyone)))
    assert read_ready(data_dir) is None

    async with dev_stack(options(data_dir)) as stack:
        assert stack.ready
