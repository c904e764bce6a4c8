"""What the workflow service answers about versions and templates (`stretto.api.workflow.*`), in
JSON. Additive changes only."""

from typing import Any

import msgspec

from stretto.contracts.payload import NULL


class VersionsQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whose versions."""

    workflow: str
    namespace: str = "default"


class VersionSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of a workflow."""

    version: int
    created_at: str
    description: str | None = None
    latest: bool = False
    """Whether a start without a version uses it: it was applied last."""
    labels: list[str] = []
    """The labels that point to it."""
    uses: list[str] = []
    """The templates that it uses: `charge@2`."""


class Versions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Every version of a workflow, the highest first."""

    workflow: str
    versions: list[VersionSummary]
    """All of them."""


class TemplateQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which template; without a version the latest."""

    template: str
    """Its name."""
    namespace: str = "default"
    version: int | None = None
    version_label: str | None = None
    """Instead of a version: a label of one."""


class TemplateSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A template in a list: its latest version."""

    template: str
    """Its name."""
    version: int
    created_at: str
    description: str | None = None
    parameters: list[dict[str, Any]] = []
    """Each a JSON Schema with its `name`, whether it is `required`, and its `default`."""
    labels: dict[str, int] = {}
    """Labels and the versions that they point to."""


class Templates(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Every template of a namespace."""

    templates: list[TemplateSummary]
    """In the order of their names."""


class TemplateText(TemplateSummary, frozen=True, kw_only=True, omit_defaults=True):
    """One version of a template."""

    source: str
    """The text as it was registered."""
    pins: dict[str, int] = {}
    """Which versions the templates that it uses stood for then."""


class Expansion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A definition with its templates written out, or why there is none."""

    mistakes: list[dict[str, Any]] = []
    warnings: list[dict[str, Any]] = []
    """What is allowed and probably not meant."""
    expanded: msgspec.Raw = NULL
    """The document as JSON; null where there are mistakes."""
    uses: list[str] = []
    """The templates that it uses: `charge@2`."""
