"""What the running services answer is as `proto/` says, for an open run and for one that failed."""

import asyncio
import json
from typing import Any

import jsonschema_rs
import pytest

from stretto.client import Client, Run
from stretto.client.errors import RunFailed
from stretto.contracts import subjects
from stretto.proto.documents import schemas
from stretto.proto.messages import file_name
from stretto.proto.operations import OPERATIONS, Operation

from .conftest import Deployed

PATIENCE_S = 30.0
POLL_S = 0.05
SCHEMAS = schemas()
WAITING = """
workflow: read-waits
steps:
  ask: {signal: go, timeout: 1h}
"""
FAILING = """
workflow: read-fails
input: {type: object}
on_failure: compensate
steps:
  made: {task: std.echo, with: {a: 1}, compensate: {task: std.echo, with: {undo: true}}}
  bad: {needs: [made], task: std.fail, with: {message: "on purpose"}}
"""


@pytest.fixture
async def runs(deployed: Deployed) -> dict[str, Run]:
    """A run that waits and one that has failed; both are listed."""
    async with Client.connect(deployed.nats) as client:
        for source in (WAITING, FAILING):
            await client.register(source)
        waits = await client.start("read-waits", {}, id="key", labels={"a": "b"})
        fails = await client.start("read-fails", {}, wait_accepted=True)
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(RunFailed):
                await fails.result()
            listed: set[str] = set()
            while not {waits.id, fails.id} <= listed:  # monitoring is a moment behind the log
                listed = {run.run_id for run in (await client.runs()).runs}
                await asyncio.sleep(POLL_S)
        return {"waits": waits, "fails": fails}


def question(operation: Operation, run: Run) -> dict[str, Any]:
    properties = SCHEMAS[f"messages/{file_name(operation.request)}.schema.json"]["properties"]
    known = {
        "run_id": run.id,
        "workflow": run.workflow,
        "namespace": "default",
        "source": WAITING + "  more: {task: 3, needs: [nobody]}\n",
    }
    return {name: value for name, value in known.items() if name in properties}


def complete(part: Any) -> Any:
    """A schema that allows no fields but those that it describes."""
    if isinstance(part, list):
        return [complete(each) for each in part]
    if not isinstance(part, dict):
        return part
    inner = {key: complete(value) for key, value in part.items()}
    return {**inner, "additionalProperties": False} if "properties" in part else inner


@pytest.mark.parametrize("which", ["waits", "fails"])
async def test_every_read_is_asked_and_answered_as_its_schemas_say(
    deployed: Deployed, runs: dict[str, Run], which: str
) -> None:
    async with Client.connect(deployed.nats) as client:
        answered = 0
        for operation in OPERATIONS:
            # Given
            asked = question(operation, runs[which])
            if operation.name == "import":  # what is here already: it changes nothing
                asked = json.loads(await client.export_run(runs[which].id))
            request = SCHEMAS[f"messages/{file_name(operation.request)}.schema.json"]
            if set(request.get("required", ())) - set(asked):
                continue  # these runs have none of it: tests of their own ask for it
            answered += 1
            jsonschema_rs.validate(request, asked)
            # When
            reply = await client.connection.request(
                subjects.api(operation.service, operation.name), json.dumps(asked).encode()
            )
            # Then
            schema = SCHEMAS[f"messages/{file_name(operation.answer)}.schema.json"]
            jsonschema_rs.validate(complete(schema), json.loads(reply.data))
        assert answered > len(OPERATIONS) * 2 / 3
