"""`for_each` over devices, and `rollout`: devices wave after wave.

::

    for_each: {devices: "${{ device.attributes.site == input.site }}", at_least: 3}
    rollout:
      waves: [1, 10%, 50%, 100%]      # so many have begun with each wave
      success: 95%                    # of a wave, for the next one to begin
      abort: 10%                      # so many failures of all end it
      pause_after: 10m                # or {signal: go-on}, or {by: [ops]}
      rate: 20/m
"""

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

from stretto.contracts.durations import parse_duration
from stretto.contracts.graph import Amount, Halt, Rate, RolloutPlan
from stretto.definition.container_shapes import ListOf, Placed, Record, Short
from stretto.definition.durations import Duration
from stretto.definition.kinds.approval import PEOPLE
from stretto.definition.limits import MAX_NAME_CHARS
from stretto.definition.mistakes import Report
from stretto.definition.model import DevicesText
from stretto.definition.nodes import Mapping, Node, Path, Scalar, describe, scalar_at
from stretto.definition.policies import PERCENT, SIGNAL_NAME
from stretto.definition.routes import DEVICE
from stretto.definition.scalar_shapes import Number
from stretto.definition.shapes import Field, Located, Schema
from stretto.definition.texts import Condition, Items

MAX_DEVICES = 10_000
"""As many as a `for_each` may have items."""

MAX_WAVES = 100
MAX_RATE = 1_000_000

OWN_DEVICE = "device.name == item.name"
"""The route of a step that is done for each of some devices: each one does its own."""

_VOLATILE = ("busy", "load")
"""What a device has at an instant only: it is not kept in the log as the item."""

_fields = {name: shape for name, shape in DEVICE.fields.items() if name not in _VOLATILE}
ITEM = replace(DEVICE, fields=_fields, required=DEVICE.required - set(_VOLATILE))
"""What is known of `item` in a step that is done for each of some devices."""


def _devices(devices: Located[str | bool], at_least: int = 0) -> DevicesText:
    return DevicesText(where=devices, at_least=at_least)


_DEVICES = Record(
    "devices (a mapping with devices, a condition over device)",
    _devices,
    {
        "devices": Field(Placed(Condition()), "What a device has to be.", required=True),
        "at_least": Field(
            Number("a number of devices", 1, MAX_DEVICES, whole=True),
            "Fail (TooFewDevices) when fewer are there. Default: any number will do, also none.",
        ),
    },
)


class ForEach:
    """What a step is done for: a list, or the devices that fit."""

    def __init__(self) -> None:
        self._items = Items()

    def read(self, node: Node, path: Path, report: Report) -> Node | DevicesText | None:
        if isinstance(node, Mapping):
            return _DEVICES.read(node, path, report)
        return self._items.read(node, path, report)

    def schema(self) -> Schema:
        items = self._items.schema()
        return {
            "anyOf": [*items["anyOf"], _DEVICES.schema()],
            "examples": [
                *items["examples"],
                {"devices": "${{ 'scanner' in device.capabilities }}"},
            ],
        }


class _Amount:
    """A count, or a share of all like `10%`."""

    def read(self, node: Node, path: Path, report: Report) -> Amount | None:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_DEVICES:
            return Amount(count=value)
        match = PERCENT.fullmatch(value) if isinstance(value, str) else None
        if match is not None and 0 < float(match[1]) <= 100:
            return Amount(share=float(match[1]) / 100)
        report.mistake(
            node, path, "bad_value",
            f"expected a count of 1 to {MAX_DEVICES}, or a share like 10%, but got "
            f"{describe(node)}",
        )  # fmt: skip
        return None

    def schema(self) -> Schema:
        return {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MAX_DEVICES},
                {"type": "string", "pattern": r"^\d+(\.\d+)? *%$", "examples": ["10%"]},
            ]
        }


class _Share:
    """A share like `95%`."""

    def read(self, node: Node, path: Path, report: Report) -> float | None:
        value = node.value if isinstance(node, Scalar) else None
        match = PERCENT.fullmatch(value) if isinstance(value, str) else None
        if match is not None and 0 <= float(match[1]) <= 100:
            return float(match[1]) / 100
        report.mistake(
            node, path, "bad_value", f"expected a share like 95%, but got {describe(node)}"
        )
        return None

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^\d+(\.\d+)? *%$", "examples": ["95%"]}


_RATE = re.compile(r"(\d+) */ *(?=.)(\d*)(ms|s|m|h|d)", re.ASCII)


class RateShape:
    """So many in a length of time: `20/m`, `5/10s`."""

    def read(self, node: Node, path: Path, report: Report) -> Rate | None:
        value = node.value if isinstance(node, Scalar) else None
        match = _RATE.fullmatch(value) if isinstance(value, str) else None
        if match is not None and 1 <= int(match[1]) <= MAX_RATE and match[2] != "0":
            return Rate(count=int(match[1]), per_s=parse_duration(f"{match[2] or 1}{match[3]}"))
        report.mistake(
            node, path, "bad_value",
            f"expected a rate like 20/m or 5/10s, but got {describe(node)}",
        )  # fmt: skip
        return None

    def schema(self) -> Schema:
        return {
            "type": "string", "pattern": r"^\d+ */ *\d*(ms|s|m|h|d)$", "examples": ["20/m"],
            "maxLength": MAX_NAME_CHARS,
        }  # fmt: skip


def _one_way(_halt: Halt, node: Mapping, path: Path, report: Report) -> None:
    if len(node.entries) != 1:
        report.mistake(
            node, path, "bad_value",
            f"expected one of for, signal or by, but got {len(node.entries)} of them",
        )  # fmt: skip


def _halt(**values: Any) -> Halt:
    return Halt(
        for_s=values.get("for"), signal=values.get("signal"), by=tuple(values.get("by", ()))
    )


_HALT_RECORD: Record[Halt] = Record(
    "a pause (a duration, or a mapping with one of for, signal, by)",
    _halt,
    {
        "for": Field(Duration(), "So long."),
        "signal": Field(SIGNAL_NAME, "Until this signal comes."),
        "by": Field(PEOPLE, "Until one of them approves; [] is anybody."),
    },
    _one_way,
)
_HALT = Short(_HALT_RECORD, Duration(), lambda seconds: Halt(for_s=seconds))


def _rollout(
    waves: list[Amount],
    success: float | None = None,
    abort: Amount | None = None,
    pause_after: Halt | None = None,
    rate: Rate | None = None,
) -> RolloutPlan:
    if success is None:
        success = 1.0 if abort is None else 0.0
    return RolloutPlan(
        waves=tuple(waves), success=success, abort=abort, halt=pause_after, rate=rate
    )


def _growing(plan: RolloutPlan, node: Mapping, path: Path, report: Report) -> None:
    """Waves of one unit grow, and the last one is all."""
    waves = node.entries["waves"]
    place = (*path, "waves")
    if not plan.waves or plan.waves[-1].share != 1.0:
        report.mistake(waves, place, "bad_value", "expected the last wave to be 100%")
    counts = [wave.count for wave in plan.waves if wave.count]
    shares = [wave.share for wave in plan.waves if not wave.count]
    for given in (counts, shares):
        if any(later <= earlier for earlier, later in pairwise(given)):
            report.mistake(
                waves, place, "bad_value",
                "expected each wave to be more than the one before, but one is not",
                "a wave says how many have begun with it, those of the waves before included",
            )  # fmt: skip
            return


ROLLOUT = Record(
    "a rollout (a mapping with waves)",
    _rollout,
    {
        "waves": Field(
            ListOf("a list of waves", _Amount(), MAX_WAVES),
            "How many have begun with each wave, counts or shares; the last is 100%.",
            required=True,
        ),
        "success": Field(
            _Share(),
            "The share of a wave that has to complete for the next one to begin. Default 100%, "
            "or what abort leaves where that is given.",
        ),
        "abort": Field(_Amount(), "So many failures of all end it."),
        "pause_after": Field(_HALT, "What is waited for after each wave but the last."),
        "rate": Field(RateShape(), "How many begin in a length of time."),
    },
    _growing,
)


def own_device(step: Node) -> Located[str | bool]:
    """The condition that sends each device its own task, in the place of a step."""
    return Located(OWN_DEVICE, scalar_at(step, OWN_DEVICE), ())
