"""Asks before they have a version: what is worked out for a step, and which values it needs."""

import msgspec

from stretto.contracts.asks import Ask, AskPlan, DevicesPlan, Ref, TablePlan
from stretto.contracts.codec import json_encode
from stretto.contracts.payload import NULL

Place = tuple[str, ...]
"""Where a value goes in the scope of an expression: `("steps", "charge", "output")`."""


class AskText(msgspec.Struct, frozen=True, kw_only=True):
    """An `AskPlan` without workflow and version, and where its values come from."""

    step: str
    refs: dict[Place, Ref]
    condition: str | None = None
    template: msgspec.Raw = NULL
    items: str | None = None
    cases: tuple[str | None, ...] = ()
    lenient: bool = False
    table: TablePlan | None = None
    values: dict[str, msgspec.Raw] = {}
    devices: DevicesPlan | None = None

    def settled(self, workflow: str, version: int, secret: tuple[str, ...]) -> Ask:
        """Make the ask of one version; `secret`: names of fields that are not shown."""
        plan = AskPlan(
            workflow=workflow,
            version=version,
            step=self.step,
            paths=tuple(self.refs),
            condition=self.condition,
            template=self.template,
            items=self.items,
            cases=self.cases,
            lenient=self.lenient,
            table=self.table,
            values=self.values,
            devices=self.devices,
            secret=secret,
        )
        return Ask(plan=json_encode(plan), refs=tuple(self.refs.values()))
