"""Definitions over the bus: answered live, registered durably, refused with every mistake."""

import asyncio
import json
from typing import Any

import pytest

from services.workflow import definitions, known_texts, registry
from services.workflow.known_texts import Known, KnownTexts
from stretto.contracts import subjects
from stretto.definition import Definition, Loaded, compile_graph, load
from tests.integration.workflow.definitions import ONE
from tests.integration.workflow.world import World, eventually, until


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the stored copy of a definition be looked at soon."""
    monkeypatch.setattr(definitions, "LIVE_PATH_S", 0.2)


async def test_a_definition_is_registered_once_and_announced(world: World) -> None:
    await world.bus.subscribe("stretto.defined.>", world.heard.sink)

    first = await world.define(ONE)
    same = await world.define(ONE)
    spaced = await world.define(ONE + "\n\n# a comment\n")
    changed = await world.define(ONE.replace("task: work", "task: toil"))

    assert (first["version"], first.get("created", True)) == (1, True)
    assert (same["version"], same["created"]) == (1, False)
    assert (spaced["version"], spaced["created"]) == (1, False)
    assert changed["version"] == 2
    await until(lambda: len(world.heard.json("stretto.defined.default.one")) == 2)


async def test_every_mistake_is_in_the_answer(world: World) -> None:
    answer = await world.define("workflow: BAD\nsteps:\n  a: {task: 1, needs: [b]}\n")

    reason = answer["rejected"]
    assert reason["code"] == "definition_invalid"
    assert len(reason["details"]) > 1
    assert all("line" in mistake for mistake in reason["details"])
    await until(lambda: "definition_invalid" in world.rejected())


@pytest.mark.parametrize(
    ("namespace", "data", "code"),
    [
        ("default", b"\xff\xfe", "definition_invalid"),
        ("default", b"x" * (1024 * 1024 + 1), "definition_too_large"),
        ("UPPER", ONE.encode(), "namespace_invalid"),
    ],
)
async def test_what_is_no_definition_is_refused(
    world: World, namespace: str, data: bytes, code: str
) -> None:
    answer = await world.ask(subjects.definitions(namespace), data, header=False)

    assert answer["rejected"]["code"] == code


async def test_two_texts_at_once_get_two_versions(world: World) -> None:
    texts = [ONE.replace("task: work", f"task: work-{n}") for n in range(6)]

    answers = await asyncio.gather(*(world.define(text) for text in texts))

    assert sorted(a["version"] for a in answers) == [1, 2, 3, 4, 5, 6]


async def test_a_definition_that_nobody_heard_live_is_registered_from_the_stream(
    alone: World,
) -> None:
    await alone.publisher.publish_core(subjects.definitions("default"), ONE.encode())
    await alone.publisher.publish_core(subjects.definitions("default"), b"workflow: [")
    await alone.bus.flush()

    async with alone.service():
        found = await eventually(
            lambda: alone.api("definitions", namespace="default"), lambda a: a["definitions"]
        )
        await until(lambda: "definition_invalid" in alone.rejected())

    assert [d["workflow"] for d in found["definitions"]] == ["one"]


async def test_a_definition_that_meets_a_fault_is_refused_and_harms_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whenever it is looked at: what is refused here waits in the stream as well.
    def compiled(definition: Definition, *rest: Any) -> object:
        if "toil" not in str(definition):
            raise RecursionError("too deep for us")
        return compile_graph(definition, *rest)

    monkeypatch.setattr("services.workflow.registry.compile_graph", compiled)
    answer = await world.define(ONE)

    assert answer["rejected"]["code"] == "definition_fault"
    assert (await world.define(ONE.replace("task: work", "task: toil")))["version"] == 1


async def stored(world: World) -> int:
    """How many definitions are in the stream."""
    reply = await world.bus.request("$JS.API.STREAM.INFO.STRETTO_DEFINITIONS", b"")
    return int(json.loads(reply.data)["state"]["messages"])


async def test_a_text_is_read_and_checked_once_however_often_it_comes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def counted(source: str, *rest: Any) -> Loaded:
        read.append(source)
        return load(source, *rest)

    monkeypatch.setattr(registry, "load", counted)

    answers = await asyncio.gather(*(world.define(ONE) for _ in range(5)))
    await eventually(lambda: stored(world), lambda messages: messages == 0)
    other = await world.define(ONE + "# another\n")

    assert read == [ONE, ONE + "# another\n"]
    assert sorted(a.get("created", True) for a in answers) == [False] * 4 + [True]
    assert other["version"] == 1


def test_texts_that_are_known_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_texts, "MAX_TEXTS", 2)
    texts = KnownTexts()

    for number in range(3):
        texts.keep(b"%d" % number, Known("w", number, []))

    assert [texts.find(b"%d" % number) is not None for number in range(3)] == [False, True, True]
