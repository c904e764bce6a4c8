"""Data → YAML 1.2 as a person would write it, that is read back as the same data."""

from typing import Any

import yaml

from stretto.definition.nodes import Json
from stretto.definition.scalars import NotRepresentable, resolve

_WIDTH = 100_000
"""Texts are not folded: what is compared line by line stays comparable."""


class _Dumper(yaml.SafeDumper):
    """Writes texts plain only where both YAML 1.1 and 1.2 read them as texts; knows no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style: str | None = None
    if "\n" in value.rstrip("\n") and _is_block(value):
        style = "|"
    elif not _is_plain(value):
        style = "'" if _is_block(value) and "\n" not in value else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _is_plain(value: str) -> bool:
    """Whether a text stays a text when it is written without quotes (YAML 1.1: PyYAML)."""
    try:
        return isinstance(resolve(value), str) and "${{" not in value and _is_block(value)
    except NotRepresentable:
        return False


def _is_block(value: str) -> bool:
    return all(char.isprintable() or char == "\n" for char in value)


_Dumper.add_representer(str, _text)


def write_yaml(data: Json) -> str:
    """Write a document; keys keep their order."""
    text: str = yaml.dump(
        data,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=_WIDTH,
        default_flow_style=False,
    )
    return text
