"""Templates for commands that look at files: those beside, and those that are registered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from stretto.cli.calling import Call, found_bus
from stretto.client import Client, Rejected
from stretto.contracts.versions import parse_ref
from stretto.definition.limits import MAX_TEMPLATE_DEPTH
from stretto.definition.mistakes import Report
from stretto.definition.templates import (
    Library,
    LoadedTemplate,
    Outline,
    Template,
    load_template,
    outline,
    read_template,
)
from stretto.definition.templates.outline import uses_in
from stretto.definition.yaml_reader import read
from stretto.runtime.errors import StrettoError

CONNECT_S = 2.0
"""A command that only looks at files does not wait long for a bus that may not be there."""


class SourceFile(NamedTuple):
    """A file, its text, and what it is."""

    file: Path
    source: str
    sketch: Outline


def sketched(sources: Sequence[tuple[Path, str]]) -> list[SourceFile]:
    """Tell what files are."""
    return [SourceFile(file, source, outline(source)) for file, source in sources]


def ordered(files: Sequence[SourceFile]) -> list[SourceFile]:
    """Put files in an order in which they can be registered: a template before what uses it, what
    labels a version at the end."""
    templates = {one.sketch.name: one for one in files if one.sketch.kind == "template"}
    done: dict[str, None] = {}

    def visit(name: str, chain: tuple[str, ...]) -> None:
        if name in done or name in chain or name not in templates:
            return
        for reference in templates[name].sketch.uses:
            visit(reference.partition("@")[0], (*chain, name))
        done[name] = None

    for name in templates:
        visit(name, ())
    first = [templates[name] for name in done]
    second = [one for one in files if one.sketch.kind == "workflow"]
    # Two files of one template: the second is told to be the same, or refused, as the server says.
    doubles = [one for one in files if one.sketch.kind == "template" and one not in first]
    return first + doubles + second + [one for one in files if one.sketch.kind == "label"]


class Looked(NamedTuple):
    """What there is to use, and what the template files turned out to be."""

    library: Library
    templates: dict[Path, LoadedTemplate]


def look(files: Sequence[SourceFile], call: Call) -> Looked:
    """Read the template files, and ask the server for templates that none of them is.

    A server that cannot be reached is told in the mistake about the template.
    """
    local = [one for one in files if one.sketch.kind == "template"]
    read_ = [made for one in local if (made := _read(one.source, file=str(one.file))) is not None]
    library = Library(read_)
    uses = tuple(reference for one in files for reference in one.sketch.uses)
    asyncio.run(ask(library, uses, call))
    loaded = {one.file: load_template(one.source, str(one.file), library) for one in local}
    broken = {str(file) for file, found in loaded.items() if found.template is None}
    marked = [msgspec.structs.replace(t, broken=t.file in broken) for t in read_]
    return Looked(library.with_local(marked), loaded)


def _read(
    source: str, *, file: str = "", version: int | None = None, pins: dict[str, int] | None = None
) -> Template | None:
    report = Report(file)
    node = read(source, report)
    made = None if node is None else read_template(node, report, file=file, version=version)
    return None if made is None else msgspec.structs.replace(made, pins=pins or {})


async def ask(library: Library, uses: tuple[str, ...], call: Call) -> None:
    """Put the registered templates that `uses` want, and theirs, into the library."""
    # The mistake says it; the bus' own log lines would say it again.
    logging.getLogger("stretto").addHandler(logging.NullHandler())
    wanted = library.wanted(uses, {})
    if not wanted:
        return
    try:
        async with Client.connect(
            found_bus(call.url), call.namespace, name="stretto-cli", timeout_s=CONNECT_S
        ) as client:
            for _ in range(MAX_TEMPLATE_DEPTH + 1):
                further: list[str] = []
                for reference in wanted:
                    found = await _fetch(client, library, reference)
                    if found is not None:
                        further += library.wanted(uses_in(found.body), found.pins)
                wanted = list(dict.fromkeys(further))
                if not wanted:
                    return
    except StrettoError as error:
        for reference in library.wanted(uses, {}):
            library.missing[reference] = f"the server could not be asked ({error.message})"


async def _fetch(client: Client, library: Library, reference: str) -> Template | None:
    ref = parse_ref(reference)
    try:
        found = await client.catalogue.template(
            ref.name, ref.label if ref.version is None else ref.version
        )
    except Rejected:
        library.missing[reference] = "it is not registered"
        library.known.update(t.template for t in await client.catalogue.templates())
        return None
    made = _read(found.source, version=found.version, pins=found.pins)
    if made is not None:
        library.add(reference, made)
    return made
