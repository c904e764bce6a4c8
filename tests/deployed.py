"""What `docker-compose.yml` says, as Compose reads it with no variable set."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
SERVICES = ("workflow", "decision", "execution", "monitoring", "gateway")

_VARIABLE = re.compile(r"\$\{(\w+)(?::?-([^}]*))?\}")


def compose() -> dict[str, Any]:
    """Read the file, every variable replaced by its default."""
    text = (ROOT / "docker-compose.yml").read_text()
    read: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(lambda m: m[2] or "", text))
    return read


def variables() -> set[str]:
    """The variables that the file knows."""
    text = (ROOT / "docker-compose.yml").read_text()
    return {match[1] for match in _VARIABLE.finditer(text)}


def environment(service: str, nats: str, postgres: str) -> dict[str, str]:
    """The environment of a service, with other addresses (`host:port`) of the two servers."""
    said: dict[str, object] = compose()["services"][service].get("environment", {})
    return {
        name: ("" if value is None else str(value))
        .replace("nats:4222", nats)
        .replace("postgres:5432", postgres)
        for name, value in said.items()
        if name != "OTEL_EXPORTER_OTLP_ENDPOINT"
    }
