"""A bus on which services answer what a test says, for a real client."""

from collections.abc import Callable
from typing import Any, cast

import msgspec

from stretto.bus.request import Reply
from stretto.client import Client
from stretto.client.asking import Asks
from stretto.contracts.codec import json_encode

Answer = Any
"""What is said: anything that becomes JSON; an error, which is raised; or a function of the
request that gives one of these."""


class CannedBus:
    """Answers requests to `stretto.api.<service>.<operation>`, and to whole subjects.

    Attributes:
        asked: what was asked for, in order: the operation, and what it was asked.
        sinks: who listens.
    """

    name = "canned"
    inbox_prefix = "_INBOX"
    is_closed = False
    is_connected = True

    def __init__(self, answers: dict[str, Answer]) -> None:
        self._answers = answers
        self.asked: list[tuple[str, Any]] = []
        self.sinks: list[Callable[..., None]] = []

    async def subscribe(self, _subject: str, sink: Callable[..., None]) -> int:
        self.sinks.append(sink)
        return len(self.sinks)

    async def unsubscribe(self, _subscription: int) -> None:
        return None

    def on_change(self, **_hooks: Callable[[], None]) -> Callable[[], None]:
        return lambda: None

    async def request(self, subject: str, data: bytes = b"", **_options: object) -> Reply:
        operation = subject.removeprefix("stretto.api.")
        asked = msgspec.json.decode(data) if operation != subject else data.decode()
        self.asked.append((operation, asked))
        answer = self._answers[operation]
        if callable(answer):
            answer = answer(asked)
        if isinstance(answer, Exception):
            raise answer
        return Reply(json_encode(answer), b"")

    def client(self, namespace: str = "default") -> Client:
        return Client(cast(Any, self), namespace)

    def asks(self) -> Asks:
        return Asks(cast(Any, self))
