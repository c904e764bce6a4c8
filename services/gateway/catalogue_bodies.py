"""What is sent to the routes of versions and templates."""

from typing import Any

import msgspec


class LabelBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The version that a label points to."""

    version: int


class InstantiateBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of a template. `version`: a number or a label, else the latest; `name`: of the
    workflow, else that of the template; `apply`: register it."""

    parameters: dict[str, Any] = {}
    version: int | str | None = None
    name: str | None = None
    apply: bool = False
