"""Every key is declared once, spelled in one way, and used under its constant."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from stretto.telemetry import names

ROOT = Path(__file__).parents[3]
CONSTANTS = {name: value for name, value in vars(names).items() if name.isupper()}
SPELLING = {
    "SPAN": r"[a-z]+",
    "EVENT": r"[a-z]+",
    "ATTR": r"[a-z]+(\.[a-z_]+)+",
    "RESOURCE": r"[a-z]+(\.[a-z_]+)+",
    "SERVICE": r"stretto-",
    "LOG": r"[a-z][a-z0-9_]*",
    "LABEL": r"[a-z][a-z0-9_]*",
    "METRIC": r"stretto_[a-z0-9_]+",
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_a_key_is_spelled_as_its_kind_is(name: str) -> None:
    assert re.fullmatch(SPELLING[name.partition("_")[0]], CONSTANTS[name])


def test_a_key_is_declared_once() -> None:
    seen = [(name.partition("_")[0], value) for name, value in CONSTANTS.items()]
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("folder", ["libs/stretto", "services"])
def test_no_log_key_is_typed_by_hand(folder: str) -> None:
    texts = {path: path.read_text() for path in sorted((ROOT / folder).rglob("*.py"))}
    typed = [
        f"{path.relative_to(ROOT)}:{key.lineno}"
        for path, text in texts.items()
        if "extra={" in text
        for key in typed_keys(ast.parse(text))
    ]
    assert typed == []


METRIC_MAKERS = ("counter", "gauge", "histogram")


@pytest.mark.parametrize("folder", ["libs/stretto", "services"])
def test_no_metric_is_typed_by_hand(folder: str) -> None:
    texts = {path: path.read_text() for path in sorted((ROOT / folder).rglob("*.py"))}
    typed = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, text in texts.items()
        if any(f".{maker}(" in text for maker in METRIC_MAKERS)
        for node in ast.walk(ast.parse(text))
        if names_a_metric(node)
    ]
    assert typed == []


def names_a_metric(node: ast.AST) -> bool:
    """Whether it makes a metric whose name is a literal, or put together from one."""
    match node:
        case ast.Call(func=ast.Attribute(attr=maker), args=[ast.Constant() | ast.JoinedStr(), *_]):
            return maker in METRIC_MAKERS
        case _:
            return False


def typed_keys(tree: ast.AST) -> Iterator[ast.Constant]:
    """Yield the keys of `extra={...}` that are literals."""
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg="extra", value=ast.Dict(keys=keys)):
                yield from (key for key in keys if isinstance(key, ast.Constant))
