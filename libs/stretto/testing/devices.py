"""Devices of tests: who is present, and what they say of themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from stretto.contracts.public import Presence
from stretto.contracts.subjects import NAME_PATTERN
from stretto.definition.container_shapes import ListOf, Record, Value
from stretto.definition.nodes import Node
from stretto.definition.policies import LABELS, QUEUE_NAME, TASK_NAME
from stretto.definition.scalar_shapes import Name, Number, Text
from stretto.definition.shapes import Field
from stretto.testing.limits import MAX_LIST, MAX_NAME_CHARS, MAX_SLOTS

DEVICE_NAME = Name(
    "the name of a device",
    NAME_PATTERN,
    "a–z, 0–9, - and _, not beginning with - or _",
    lambda text: text.strip().lower().replace(" ", "-"),
)


@dataclass(frozen=True, kw_only=True)
class DeviceText:
    """A device of a file of tests. Without `tasks` it knows all of the workflows'."""

    tasks: list[str] = field(default_factory=list)
    queue: str | None = None
    capabilities: list[str] = field(default_factory=list)
    attributes: Node | None = None
    labels: dict[str, str] = field(default_factory=dict)
    slots: float = 1

    def presence(self, name: str) -> Presence:
        """What it says of itself."""
        facts = None if self.attributes is None else self.attributes.data
        return Presence(
            device=name,
            tasks=self.tasks,
            queue=self.queue,
            capabilities=self.capabilities,
            attributes=facts if isinstance(facts, dict) else {},
            labels=self.labels,
            slots=int(self.slots),
        )


DEVICE = Record(
    "a device (a mapping)",
    DeviceText,
    {
        "tasks": Field(
            ListOf("a list of tasks", TASK_NAME, MAX_LIST),
            "The tasks that it knows. Default: all of the workflows.",
        ),
        "queue": Field(QUEUE_NAME, "The queue that it serves."),
        "capabilities": Field(
            ListOf("a list of texts", Text("a text", MAX_NAME_CHARS), MAX_LIST), "What it can do."
        ),
        "attributes": Field(Value("a mapping of facts"), "Facts about it."),
        "labels": Field(LABELS, "Names and strings."),
        "slots": Field(
            Number("a number of slots", 1, MAX_SLOTS, whole=True),
            "How many attempts it runs at once. Default 1.",
        ),
    },
)


def devices_of(devices: Mapping[str, Mapping[str, Any]]) -> tuple[Presence, ...]:
    """Read devices as a Python test gives them, by name: `tasks`, `queue`, `capabilities`,
    `attributes`, `labels`, `slots`.

    Raises:
        msgspec.ValidationError: one of them says what is no such field, or of another type.
    """
    return tuple(
        msgspec.convert({**said, "device": name}, Presence) for name, said in devices.items()
    )
