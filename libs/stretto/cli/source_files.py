"""Documents that people give as files: read, and told what is wrong with them, by place."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from stretto.cli.calling import Call
from stretto.cli.exits import EXIT_USAGE
from stretto.cli.printing import print_json
from stretto.client import DefinitionMistakes

MAX_SOURCE_BYTES = 4 * 1024 * 1024
"""Larger is no definition that a person wrote: read as little as that of a wrong file."""


def read_source(file: Path) -> str:
    """Read a definition; `-` is stdin.

    Raises:
        click.UsageError: it cannot be read.
    """
    if str(file) == "-":
        return sys.stdin.read(MAX_SOURCE_BYTES)
    try:
        with file.open(encoding="utf-8") as text:
            return text.read(MAX_SOURCE_BYTES)
    except OSError as error:
        raise click.UsageError(f"expected to read {file}, but: {error.strerror}") from None
    except UnicodeDecodeError:
        raise click.UsageError(f"expected {file} to be text, but it is not") from None


def show_mistakes(mistakes: list[dict[str, Any]], file: Path) -> None:
    """Print mistakes as editors understand them: `file:line:column: path: reason; suggestion`."""
    for mistake in mistakes:
        click.echo(_told(mistake, file))


def show_warnings(warnings: list[dict[str, Any]], file: Path) -> None:
    """Print what hinders nothing and is probably not meant, on stderr."""
    for warning in warnings:
        click.echo(f"warning: {_told(warning, file)}", err=True)


@contextmanager
def mistakes_shown(call: Call, file: Path) -> Iterator[None]:
    """Apply a document: with mistakes, show each with its place in the file and end."""
    try:
        yield
    except DefinitionMistakes as error:
        if call.json:
            print_json({"file": str(file), "mistakes": error.mistakes})
        else:
            show_mistakes(error.mistakes, file)
        sys.exit(EXIT_USAGE)


def _told(mistake: dict[str, Any], file: Path) -> str:
    place = f"{file}:{mistake.get('line', 1)}:{mistake.get('column', 1)}: "
    path = f"{mistake['path']}: " if mistake.get("path") else ""
    hint = f"; {mistake['suggestion']}" if mistake.get("suggestion") else ""
    return f"{place}{path}{mistake.get('reason', '')}{hint}"
