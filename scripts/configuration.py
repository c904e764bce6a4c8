"""The tables of `docs/configuration.md`, from the settings classes; the text between them stays."""

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from services.decision.settings import DecisionSettings
from services.execution.settings import ExecutionSettings
from services.gateway.settings import GatewaySettings
from services.monitoring.settings import MonitoringSettings
from services.workflow.settings import WorkflowSettings
from stretto.proto.declared import field_words
from stretto.runtime.settings import ENV_PREFIX, ServiceSettings
from stretto.worker.settings import WorkerSettings

PAGE = Path("docs/configuration.md")

CLASSES: dict[str, type[BaseSettings]] = {
    "every service": ServiceSettings,
    "workflow": WorkflowSettings,
    "decision": DecisionSettings,
    "execution": ExecutionSettings,
    "monitoring": MonitoringSettings,
    "gateway": GatewaySettings,
    "worker": WorkerSettings,
}
"""By the name of the table; those of services leave out what every service has."""

_TABLE = re.compile(r"(<!-- table: ([a-z ]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def page(text: str) -> str:
    """Return the page with every table as the classes say.

    Raises:
        KeyError: it has a table of a class that is not known.
    """
    return _TABLE.sub(lambda m: m[1] + table(CLASSES[m[2]]) + m[4], text)


def table(cls: type[BaseSettings]) -> str:
    """Return the table of a class: variable, default, meaning."""
    words = field_words(cls)
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    lines += [
        f"| `{variable(name, field)}` | {_default(field)} | {_meaning(field, words[name])} |"
        for name, field in own_fields(cls)
    ]
    return "\n".join(lines) + "\n"


def own_fields(cls: type[BaseSettings]) -> Iterator[tuple[str, FieldInfo]]:
    """Give the fields that a class adds or changes, in order."""
    for name, field in cls.model_fields.items():
        if cls is ServiceSettings or name in cls.__annotations__:
            yield name, field


def variable(name: str, field: FieldInfo) -> str:
    """Return the variable of the environment that sets a field."""
    alias = field.validation_alias
    return alias if isinstance(alias, str) else ENV_PREFIX + name.upper()


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if field.default is None or field.default == "":
        return "not set"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def _meaning(field: FieldInfo, words: str) -> str:
    low = _bound(field, "ge")
    above = _bound(field, "gt")
    high = _bound(field, "le")
    if high is None:
        return words
    least = f"{low:g}" if low is not None else f"above {above:g}"
    return f"{words.rstrip('.')}. {least[0].upper()}{least[1:]} to {high:g}."


def _bound(field: FieldInfo, kind: str) -> float | None:
    found = [getattr(each, kind) for each in field.metadata if hasattr(each, kind)]
    return found[0] if found else None
