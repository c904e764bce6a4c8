"""What keeps the parts apart, as tests over the syntax trees and the tracked files."""

import ast
import re
from pathlib import Path

import pytest

from tests.deployed import SERVICES
from tests.tree import ROOT, imports, sources, tracked, within

MAX_LINES = 600
"""Past it a file is split."""
MAX_MAIN_LINES = 40
VAGUE_NAMES = frozenset({"utils", "util", "common", "helpers", "helper", "manager", "base", "misc"})

# What a core may not use: whatever reads the clock, is random, waits or talks to the outside.
IMPURE = frozenset(
    {
        "asyncio", "time", "random", "secrets", "socket", "subprocess", "threading", "os", "io",
        "pathlib", "logging", "asyncpg", "nats", "httpx", "uuid",
    }
)  # fmt: skip


def test_contracts_import_nothing_of_ours() -> None:
    wrong = [
        (path.name, name)
        for path in sources("libs/stretto/contracts")
        for name in imports(path)
        if (within(name, "stretto") and not within(name, "stretto.contracts"))
        or within(name, "services")
    ]
    assert not [w for w in wrong if w[1] != "stretto"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_never_imports_another_service(service: str) -> None:
    others = [f"services.{other}" for other in SERVICES if other != service]
    assert not [
        (str(path.relative_to(ROOT)), name)
        for path in sources(f"services/{service}")
        for name in imports(path)
        if any(within(name, other) for other in others)
    ]


def test_libraries_never_import_a_service() -> None:
    assert not [
        (str(path.relative_to(ROOT)), name)
        for path in sources("libs")
        for name in imports(path)
        if within(name, "services")
    ]


def test_the_engine_of_tests_is_the_only_service_code_that_a_library_loads_by_name() -> None:
    # docs/adr/0012: the cores are put together in services.testing, which nobody imports.
    named = {
        str(path.relative_to(ROOT / "libs" / "stretto"))
        for path in sources("libs")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.fullmatch(r"services(\.\w+)+", node.value)
    }
    assert named == {"testing/stage.py"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_core_imports_contracts_only_and_nothing_impure(service: str) -> None:
    core = f"services.{service}.core"
    # Pure by their own tests; a decision is what an expression says.
    allowed = ["stretto.contracts", core]
    if service == "decision":
        allowed += ["stretto.expression", "stretto.table"]
    wrong = []
    for path in sources(f"services/{service}/core"):
        for name in imports(path):
            ours = within(name, "stretto") or within(name, "services")
            if (
                ours
                and name != "stretto"
                and not any(within(name, one) or within(one, name) for one in allowed)
            ):
                wrong.append((path.name, name))
            if name.split(".")[0] in IMPURE:
                wrong.append((path.name, name))
    assert not wrong


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert not [
        str(path.relative_to(ROOT))
        for path in sources("libs", "services", "scripts", "tests")
        if path.stem in VAGUE_NAMES
    ]


def test_no_file_is_longer_than_a_person_reads() -> None:
    assert not {
        str(path.relative_to(ROOT)): lines
        for path in sources("libs", "services", "scripts", "tests", "docs")
        if (lines := path.read_text().count("\n")) > MAX_LINES
    }


def test_the_entry_of_a_service_only_wires() -> None:
    assert not {
        str(path.relative_to(ROOT)): lines
        for path in sources("services")
        if path.name == "__main__.py" and (lines := path.read_text().count("\n")) > MAX_MAIN_LINES
    }


def test_no_tracked_file_names_a_place_of_one_machine() -> None:
    # Written so that this file does not find itself.
    private = re.compile(r"(?<!\w)/(root|work|home/[a-z]+)/[a-z]|/opt/(pypi|wheels)|\.pyenv")
    wrong = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if path != Path(__file__) and (found := private.search(text)):
            wrong.append((str(path.relative_to(ROOT)), found.group()))
    assert not wrong
