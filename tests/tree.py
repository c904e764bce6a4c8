"""The files of the project, and what each of them imports, read from its syntax tree."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@cache
def tracked() -> list[Path]:
    """The files of the project: what git knows, and what it would take."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    kept = (ROOT / name for name in ("libs", "services", "scripts", "tests", "docs", "deploy"))
    return [path for folder in kept for path in folder.rglob("*") if path.is_file()]


def sources(*folders: str) -> list[Path]:
    return [
        path
        for path in tracked()
        if path.suffix == ".py" and any(path.is_relative_to(ROOT / f) for f in folders)
    ]


@cache
def imports(path: Path) -> tuple[str, ...]:
    """The absolute names of all modules that a file imports, wherever in it."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return tuple(name for node in nodes for name in _named(path, node))


def needed(path: Path) -> Iterator[str]:
    """As `imports`, but only what is needed to load the file: not inside of functions, and not
    for types alone."""
    later = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for node in ast.parse(path.read_text()).body:
        for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not for_types and not isinstance(node, later):
            for inner in ast.walk(node):
                yield from _named(path, inner)


def _named(path: Path, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (name.name for name in node.names)
    elif isinstance(node, ast.ImportFrom):
        package = module_name(path).split(".")
        if path.name != "__init__.py":
            package = package[:-1]
        above = package[: len(package) - node.level + 1] if node.level else []
        start = ".".join([*above, *([node.module] if node.module else [])])
        yield start
        yield from (f"{start}.{name.name}" for name in node.names)


def module_name(path: Path) -> str:
    relative = path.relative_to(ROOT / "libs" if path.is_relative_to(ROOT / "libs") else ROOT)
    parts = list(relative.with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")
