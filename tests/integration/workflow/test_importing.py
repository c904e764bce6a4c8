"""Runs taken from other installations: another database behind the same bus."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from stretto.bus.request import RemoteError
from stretto.client import Client
from stretto.client.errors import Rejected
from stretto.contracts import subjects
from stretto.history.document import Damaged, RunDocument, digest_of
from stretto.testkit.isolation import Databases
from tests.integration.schemas import workflow_database
from tests.integration.workflow.definitions import ASKS, TWO, WAITS
from tests.integration.workflow.world import World

BIG = "workflow: big\nsteps:\n  a: {task: big}\noutput: ${{ steps.a.output }}\n"
PAYLOAD = "x" * 600_000


@pytest.fixture
async def elsewhere(databases: Databases) -> AsyncIterator[str]:
    """Give the database of the other installation."""
    async with workflow_database(databases) as dsn:
        yield dsn


async def exported(world: World, source: str, value: Any, wanted: str, **more: Any) -> bytes:
    """A run of this installation that has come so far, as a document."""
    async with world.service():
        await world.define(source)
        name = source.split()[1]
        run = await world.start(name, value, **more)
        if wanted == "completed":
            await world.status(run, wanted)
        else:
            await world.waits(run, *wanted.split())
        async with Client(world.bus) as client:
            return await client.export_run(run)


def changed(document: bytes, **fields: Any) -> bytes:
    """The document with other content, and the digest of that."""
    whole = msgspec.json.encode({**json.loads(document), **fields})
    made = msgspec.json.decode(whole, type=RunDocument)
    return msgspec.json.encode(msgspec.structs.replace(made, digest=digest_of(made)))


async def ask(world: World, data: bytes) -> Any:
    return json.loads((await world.bus.request(subjects.api("workflow", "import"), data)).data)


async def test_a_run_that_ended_is_history_elsewhere(alone: World, elsewhere: str) -> None:
    document = await exported(alone, TWO, {"n": 4}, "completed", id="k-1", labels={"a": "b"})
    head = json.loads(document)["run"]
    assert (head["workflow"], head["status"], head["id"]) == ("two", "completed", "k-1")
    log = await alone.log(head["run_id"])
    told = len(alone.events(head["run_id"]))
    alone.dsn = elsewhere

    async with alone.service(), Client(alone.bus) as client:
        first = await client.import_run(document)
        assert (first.created, first.status, first.events) == (True, "completed", len(log))
        assert [tuple(row) for row in await alone.log(head["run_id"])] == [tuple(r) for r in log]
        state = await alone.state(head["run_id"])
        assert (state["output"], state["labels"]) == ({"answer": 4}, {"a": "b"})
        definition = await client.definition("two", 1)
        assert definition["source"] == TWO
        again = await client.import_run(document)
        assert (again.created, again.run_id) == (False, head["run_id"])
        # Its id is free: another run may have it.
        await alone.define(TWO)
        assert await alone.start("two", {"n": 5}, id="k-1") != head["run_id"]
        # It is exported as it came.
        there = json.loads(await client.export_run(head["run_id"]))
        assert there["digest"] == json.loads(document)["digest"]
        assert len(alone.events(head["run_id"])) == told, "its events are no news to anybody"


async def test_an_open_run_rests_until_it_is_resumed(alone: World, elsewhere: str) -> None:
    document = await exported(alone, ASKS, {}, "signal approval")
    run = json.loads(document)["run"]["run_id"]
    alone.dsn = elsewhere

    async with alone.service(), Client(alone.bus) as client:
        found = await client.import_run(document)
        assert (found.status, found.created) == ("paused", True)
        state = await alone.state(run)
        assert state["status"] == "paused"
        rows = await alone.sql("select wake_at from workflow.run where run_id = $1", run)
        assert rows[0]["wake_at"].year == 9999, "it is parked"
        assert "run_id" in await alone.control(run, "resume", by="ann")
        assert (await client.import_run(document)).created is False, "though it has gone on here"
        await alone.control(run, "signal", name="go", payload={"ok": 1})
        await alone.control(run, "approve", by="ops")
        assert (await alone.status(run, "completed"))["output"] == {"told": {"ok": 1}, "by": "ops"}


async def test_of_two_imports_at_once_one_writes(alone: World, elsewhere: str) -> None:
    document = await exported(alone, TWO, {"n": 4}, "completed")
    alone.dsn = elsewhere
    async with alone.service(), Client(alone.bus) as client:
        found = await asyncio.gather(*(client.import_run(document) for _ in range(6)))
        assert [each.created for each in found].count(True) == 1


async def test_a_timer_that_was_due_meanwhile_fires_when_it_is_resumed(
    alone: World, elsewhere: str
) -> None:
    document = await exported(alone, WAITS, {"for": 2}, "timer")
    run = json.loads(document)["run"]["run_id"]
    alone.dsn = elsewhere
    async with alone.service(), Client(alone.bus) as client:
        await client.import_run(document)
        await alone.control(run, "resume")
        await alone.status(run, "completed")


async def test_a_paused_run_is_imported_as_it_is(alone: World, elsewhere: str) -> None:
    async with alone.service(), Client(alone.bus) as client:
        await alone.define(ASKS)
        run = await alone.start("asks")
        await alone.waits(run, "signal", "approval")
        await alone.control(run, "pause", reason="moving house")
        document = await client.export_run(run)
    alone.dsn = elsewhere
    async with alone.service(), Client(alone.bus) as client:
        assert (await client.import_run(document)).status == "paused"
        assert (await alone.types(run)).count("run.paused") == 1


async def test_payloads_by_reference_come_along(alone: World, elsewhere: str) -> None:
    alone.execution.tasks["big"] = lambda task: {"text": PAYLOAD, "n": 1}
    async with alone.service(), Client(alone.bus) as client:
        await alone.define("workflow: big\ninput: {}\nsteps:\n  a: {set: {n: 1}}\n")
        run = (await client.start("big", {"text": PAYLOAD}, wait_accepted=True)).id
        await alone.status(run, "completed")
        document = await client.export_run(run)
    assert len(json.loads(document)["payloads"]) == 1
    alone.dsn = elsewhere
    async with alone.service(), Client(alone.bus) as client:
        assert (await client.import_run(document)).created
        rows = await alone.sql("select octet_length(data) from workflow.payload")
        assert rows[0][0] > 600_000


async def test_what_is_here_with_other_content_is_refused(alone: World, elsewhere: str) -> None:
    document = await exported(alone, TWO, {"n": 4}, "completed")
    events = json.loads(document)["events"]
    alone.dsn = elsewhere
    async with alone.service(), Client(alone.bus) as client:
        await alone.define(TWO.replace("answer", "reply"))
        with pytest.raises(Rejected) as refused:
            await client.import_run(document)
        assert refused.value.code == "import_conflict"
        assert "version 1 of 'two'" in refused.value.message
        assert await alone.sql("select from workflow.run") == []
        await alone.sql("delete from workflow.definition")

        early = changed(document, events=events[:3])
        assert (await client.import_run(early)).status == "paused"
        for other in (
            document,
            changed(document, events=[*events[:1], {**events[1], "at": "2020-01-01T00:00:00Z"}]),
        ):
            with pytest.raises(Rejected) as refused:
                await client.import_run(other)
            assert refused.value.code == "import_conflict"


async def test_an_open_run_whose_id_is_taken_is_refused(alone: World, elsewhere: str) -> None:
    document = await exported(alone, ASKS, {}, "signal approval", id="mine")
    alone.dsn = elsewhere
    async with alone.service(), Client(alone.bus) as client:
        await alone.define(ASKS)
        await alone.start("asks", {}, id="mine")
        with pytest.raises(Rejected) as refused:
            await client.import_run(document)
        assert refused.value.code == "import_conflict"
        assert "'mine'" in refused.value.message


async def test_what_is_damaged_newer_or_too_open_is_refused(alone: World, elsewhere: str) -> None:
    document = await exported(alone, TWO, {"n": 4}, "completed")
    whole = json.loads(document)
    events, definitions = whole["events"], whole["definitions"]
    strange = [*events[:1], {**events[1], "type": "run.sung"}]
    failing = {"ending": "failed", "failure": {"type": "Odd"}}
    undone = [*events[:4], {**events[4], "type": "run.failing", "data": failing}]
    wrong = [*events[:1], {**events[1], "data": {"step": "nowhere"}}]
    copies = [{**each, "seq": seq} for seq, each in enumerate([*events, *events[1:]], 1)]
    alone.dsn = elsewhere
    async with alone.service(), Client(alone.bus) as client:
        for data, code in (
            (b"{}", "import_damaged"),
            (b"\x78nothing", "import_damaged"),
            (zlib.compress(document)[:-20], "import_damaged"),
            (document.replace(b'"n": 4', b'"n": 5', 1), "import_damaged"),
            (changed(document, events=strange), "import_newer"),
            (changed(document, events=wrong), "import_damaged"),
            (changed(document, events=events * 2), "import_damaged"),
            (changed(document, events=copies), "import_damaged"),
            (changed(document, definitions=[]), "import_damaged"),
            (
                changed(document, definitions=[{**definitions[0], "graph": {"name": "x"}}]),
                "import_damaged",
            ),
            (changed(document, run={**whole["run"], "workflow": "other"}), "import_damaged"),
            (changed(document, events=undone), "import_open"),
        ):
            with pytest.raises(RemoteError) as refused:
                await ask(alone, data)
            assert refused.value.code == code, (data[:80], refused.value)
        with pytest.raises(Damaged):
            await client.import_run(document[:-40])
        assert await alone.sql("select from workflow.run") == []
        zeros = json.loads(json.dumps(events).replace('"answer"', '"a\\u0000"'))
        with pytest.raises(Rejected) as told:
            await client.import_run(changed(document, events=zeros))
        assert told.value.code == "value_invalid"


async def test_what_no_start_could_have_begun_is_refused(alone: World, elsewhere: str) -> None:
    document = await exported(alone, TWO, {"n": 4}, "completed")
    whole = json.loads(document)
    first, *rest = whole["events"]
    alone.dsn = elsewhere

    def begun(**data: Any) -> bytes:
        said = first["data"] | data
        run = whole["run"] | {key: data[key] for key in ("namespace", "workflow") if key in data}
        graph = whole["definitions"][0]["graph"] | {"name": said["workflow"]}
        known = whole["definitions"][0] | {"workflow": said["workflow"], "graph": graph}
        events = [{**first, "data": said}, *rest]
        return changed(document, run=run, definitions=[known], events=events)

    def numbered(version: int) -> bytes:
        known = whole["definitions"][0]
        known = known | {"version": version, "graph": known["graph"] | {"version": version}}
        events = [{**first, "data": first["data"] | {"version": version}}, *rest]
        return changed(document, definitions=[known], events=events)

    def told_at(at: str) -> bytes:
        return changed(document, events=[{**each, "at": at} for each in whole["events"]])

    async with alone.service():
        for data, what in (
            (begun(namespace="a\r\nPUB x 0"), "expected a namespace"),
            (begun(workflow="a.b"), "expected a workflow"),
            (begun(id="x" * 257), "expected an id of 1 to 256"),
            (begun(labels={"k" * 300: "v"}), "labels: expected at most"),
            (begun(parent="nobody"), "expected an attempt id"),
            (begun(depth=-1), "expected a depth"),
            (numbered(0), "expected versions from 1"),
            (numbered(2**31 - 1), "expected versions from 1"),
            (told_at("9999-12-31T23:59:59Z"), "expected event 1 to be of the years"),
            (told_at("1969-01-01T00:00:00Z"), "expected event 1 to be of the years"),
        ):
            with pytest.raises(RemoteError) as refused:
                await ask(alone, data)
            assert refused.value.code == "import_damaged", what
            assert what in refused.value.message
        assert await alone.sql("select from workflow.run") == []
