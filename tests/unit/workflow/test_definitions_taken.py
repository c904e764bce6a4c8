"""Definitions and templates as they come: too many at once, or while others register the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.workflow import definitions as definitions_module
from services.workflow import templates as templates_module
from services.workflow.definitions import Definitions
from services.workflow.templates import MAX_TRIES, Templates
from stretto.contracts.public import Refused
from stretto.testkit.clock import FakeClock

from .test_requests_corners import AWAY, CONFLICT
from .test_shell_faults import Kept

# --- definitions


class Taking(Definitions):
    """Definitions that are registered, or not, as it is told."""

    def __init__(self, *outcomes: Exception | None) -> None:
        super().__init__(cast(Any, None), cast(Any, self), cast(Any, None), self.pull, FakeClock())
        self.outcomes = list(outcomes)
        self.registered: list[str] = []
        self.said: list[str] = []
        self.messages: list[Any] = []
        self.done = asyncio.Event()

    async def register(self, subject: str, _data: bytes, _stored_us: int | None = None) -> Any:
        self.registered.append(subject)
        outcome = self.outcomes.pop(0)
        if not self.outcomes:
            self.done.set()
        if outcome is not None:
            raise outcome
        return {}

    async def publish_core(self, subject: str, _data: bytes) -> None:
        self.said.append(subject)

    @asynccontextmanager
    async def pull(self, *_: object) -> AsyncIterator[Any]:
        yield self

    async def next_batch(self) -> list[Any]:
        if not self.messages:
            await asyncio.Event().wait()
        batch, self.messages = self.messages, []
        return batch


async def taken(definitions: Taking) -> None:
    """Let it take what it was given."""
    running = asyncio.create_task(definitions.run())
    await asyncio.wait_for(definitions.done.wait(), 10)
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])


async def test_a_definition_that_nobody_waits_for_is_registered_without_an_answer() -> None:
    definitions = Taking(None, None, None)

    for reply in (b"", b"_INBOX.1", b""):
        definitions._ask(b"stretto.definitions.default", reply, b"", b"x")
    await taken(definitions)

    assert len(definitions.registered) == 3
    assert definitions.said == ["_INBOX.1"]


async def test_requests_above_the_limit_are_left_to_the_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(definitions_module, "MAX_WAITING", 1)
    definitions = Taking(None)

    for _ in range(3):
        definitions._ask(b"stretto.definitions.default", b"_INBOX.1", b"", b"x")
    await taken(definitions)

    assert definitions.said == ["_INBOX.1"]


class Definition(Kept):
    """A stored definition."""

    subject = "stretto.definitions.default"
    timestamp_ns = 0


async def test_a_stored_definition_stays_while_the_log_is_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    definitions = Taking(AWAY, None)
    first, second = definitions.messages = [Definition(), Definition()]

    await taken(definitions)

    assert (first.done, second.done) == ([], ["ack"])
    assert caplog.messages == ["definition put off"]


# --- templates


class Contended(Templates):
    """Templates that others register at the same time."""

    def __init__(self, conflicts: int = 0) -> None:
        super().__init__(cast(Any, self), cast(Any, self))
        self.conflicts = conflicts
        self.versions: list[int] = []

    async def fetch(self, *_: object) -> list[tuple[int, bytes]]:
        return [(len(self.versions), b"other")] if self.versions else []

    async def point(self, *_: object) -> Any:
        return SimpleNamespace(changed=True, before=None)

    async def _insert(self, *arguments: Any, **_: object) -> None:
        self.versions.append(arguments[2])
        if len(self.versions) <= self.conflicts:
            raise CONFLICT


TEMPLATE = "template: t\nsteps:\n  a: {set: {x: 1}}\n"


async def test_a_template_takes_the_next_number_when_another_was_first() -> None:
    templates = Contended(conflicts=2)

    found = await templates.register("default", TEMPLATE, None)

    assert templates.versions == [1, 2, 3]
    assert (found.version, found.created) == (3, True)  # type: ignore[union-attr]


async def test_a_template_that_others_are_always_faster_with_is_refused() -> None:
    templates = Contended(conflicts=MAX_TRIES)

    found = await templates.register("default", TEMPLATE, None)

    assert isinstance(found, Refused)
    assert found.rejected.code == "definition_contended"
    assert f"others were faster {MAX_TRIES} times" in found.rejected.message


async def test_templates_are_looked_for_as_deep_as_they_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(templates_module, "MAX_TEMPLATE_DEPTH", 1)
    looked: list[str] = []

    class Chain(Contended):
        async def find(self, _namespace: str, reference: Any) -> Any:
            looked.append(reference.name)
            used = f"template: {reference.name}\nsteps:\n  a: {{use: {reference.name}x}}\n"
            return templates_module._read(used, 1, {})

    await Chain().library("default", ("t",))

    assert looked == ["t", "tx"]
