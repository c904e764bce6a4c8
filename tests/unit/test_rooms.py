"""Which part may use which: a table of the rooms (packages), held against every import.

A new package is a new line here, and an arrow that is not in the table is a decision to make, not
a test to mend.
"""

import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.deployed import SERVICES
from tests.tree import ROOT, imports, module_name, needed, sources

GROUND = ("stretto.runtime.errors", "stretto.runtime.clock")
"""Errors and clocks: everybody may use them, and they use nothing of ours."""

LIBRARIES = {
    "cache": "telemetry",
    "contracts": "",
    "telemetry": "",
    "profiling": "",
    "expression": "",
    "scoring": "contracts",
    "table": "contracts expression",
    "definition": "contracts expression scoring table",
    "schedule": "contracts definition",
    "bus": "contracts telemetry",
    "runtime": "bus contracts telemetry",
    "postgres": "",
    "payloads": "bus contracts telemetry",
    "history": "contracts payloads",
    "proto": "contracts definition history schedule",
    "testing": "contracts definition history",
    "testkit": "bus contracts runtime telemetry",
    "worker": "bus contracts payloads runtime telemetry",
    "client": "bus contracts history payloads profiling telemetry",
    "conformance": "bus contracts payloads runtime testkit",
    # runtime: `stop_listening`, the one way to close a port without waiting for who hangs on it.
    "dev": "bus runtime testkit",
    "bench": "client contracts dev runtime testkit worker",
    "cli": (
        "bench bus client conformance contracts definition dev expression history profiling "
        "schedule table telemetry testing testkit worker"
    ),
}
"""What a package below `stretto` may use of the others, beside itself and the ground."""

SHELLS = {
    "workflow": "cache contracts definition expression history payloads postgres schedule table",
    "decision": "cache contracts expression scoring table",
    "execution": "contracts worker",
    # history: `Outputs`, the one place that knows what a step gave from what its parts gave.
    "monitoring": "client contracts history postgres",
    "gateway": "client contracts definition profiling",
}
"""What a service may use, beside what all of them stand on."""

EVERY_SERVICE = "bus runtime telemetry"


def room(name: str) -> str | None:
    """The room of a module: `bus`, `services.workflow`; None: not ours, or no room."""
    parts = name.split(".")
    if any(name == one or name.startswith(f"{one}.") for one in GROUND):
        return None
    if parts[0] == "services":
        return ".".join(parts[:2])
    return parts[1] if parts[0] == "stretto" and len(parts) > 1 else None


def arrows(path: Path) -> Iterator[str]:
    """The rooms that a file uses, its own left out."""
    own = room(module_name(path))
    for name in imports(path):
        used = room(name)
        # Other names are what the package itself gives: `from stretto import Client`.
        if used is not None and used != own and (used in LIBRARIES or "." in used):
            yield used


def odd(folder: str, allowed: set[str]) -> list[tuple[str, str]]:
    return [
        (str(path.relative_to(ROOT)), used)
        for path in sources(folder)
        for used in arrows(path)
        if used not in allowed
    ]


def test_every_package_is_in_the_table() -> None:
    packages = {
        path.parent.name
        for path in sources("libs/stretto")
        if path.name == "__init__.py" and path.parent.parent == ROOT / "libs" / "stretto"
    }
    assert packages == set(LIBRARIES)
    services = {
        path.parent.name
        for path in sources("services")
        if path.name == "__init__.py" and path.parent.parent == ROOT / "services"
    }
    assert services == {*SHELLS, "testing"} == {*SERVICES, "testing"}


@pytest.mark.parametrize("package", sorted(LIBRARIES))
def test_a_library_uses_what_the_table_says(package: str) -> None:
    assert not odd(f"libs/stretto/{package}", set(LIBRARIES[package].split()))


@pytest.mark.parametrize("service", sorted(SHELLS))
def test_a_service_uses_what_the_table_says(service: str) -> None:
    allowed = {*SHELLS[service].split(), *EVERY_SERVICE.split()}
    assert not odd(f"services/{service}", allowed)


def test_the_engine_of_tests_puts_two_cores_together() -> None:
    # docs/adr/0012: no service, and nothing of a service's shell.
    rooms = {"contracts", "definition", "history", "testing"}
    assert not odd("services/testing", {*rooms, "services.workflow", "services.decision"})


def test_the_ground_uses_nothing_of_ours() -> None:
    for module in GROUND:
        path = ROOT / "libs" / Path(*module.split(".")).with_suffix(".py")
        assert not [name for name in imports(path) if name.startswith(("stretto", "services"))]


def test_the_package_itself_gives_the_client_and_the_worker_only() -> None:
    used = set(arrows(ROOT / "libs" / "stretto" / "__init__.py"))
    assert used == {"client", "worker"}


def test_the_rooms_stand_on_one_another_without_a_circle() -> None:
    # Raises CycleError.
    order = list(TopologicalSorter({a: b.split() for a, b in LIBRARIES.items()}).static_order())
    assert len(order) == len(LIBRARIES)


def test_no_file_needs_itself_to_be_loaded() -> None:
    files = {module_name(path): path for path in sources("libs", "services", "scripts")}
    graph = {
        # A file is loaded after the packages that it lies in, whatever they need.
        name: {n for n in needed(path) if n in files and not f"{name}.".startswith(f"{n}.")}
        for name, path in files.items()
    }
    # Raises CycleError.
    assert set(TopologicalSorter(graph).static_order()) == set(files)


def test_scripts_are_used_by_nobody() -> None:
    assert not [
        (str(path.relative_to(ROOT)), name)
        for path in sources("libs", "services")
        for name in imports(path)
        if name.split(".")[0] in ("scripts", "tests")
    ]


def test_every_package_is_told_on_the_page_of_the_architecture() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    table = page[page.index("## Rooms") : page.index("## Streams")]
    named = {
        name
        for row in table.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    assert named == set(LIBRARIES)
