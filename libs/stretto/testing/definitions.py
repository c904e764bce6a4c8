"""Definitions of tests: read with the templates that they use, and written out for the engine."""

from collections.abc import Iterable
from typing import NamedTuple

from stretto.definition import Definition, Loaded, Mistake, load
from stretto.definition.mistakes import Report
from stretto.definition.shapes import json_of
from stretto.definition.templates import Library, Template, load_template, read_template
from stretto.definition.yaml_reader import read


class Text(NamedTuple):
    """A text and the name of the file that it comes from."""

    file: str
    source: str


def library_of(texts: Iterable[Text]) -> tuple[Library, list[Mistake]]:
    """Make the library of some templates, which may use each other; all their mistakes."""
    given = list(texts)
    library = Library(filter(None, map(_read, given)))
    loaded = (load_template(text.source, text.file, library) for text in given)
    return library, [mistake for each in loaded for mistake in each.mistakes]


def _read(text: Text) -> Template | None:
    report = Report(text.file)
    node = read(text.source, report)
    return None if node is None else read_template(node, report, file=text.file)


def read_definition(text: Text, library: Library | None = None) -> Loaded:
    """Read a definition with the templates that it may use."""
    return load(text.source, text.file, library)


def written_out(definition: Definition, source: str) -> str:
    """Give the text of a definition without uses of templates: as it is, if there are none."""
    return json_of(definition.document).decode() if definition.uses else source
