"""The templates that a document may use, by name and version: given, never fetched."""

from collections.abc import Iterable, Mapping

from stretto.contracts.versions import VersionRef, parse_ref
from stretto.definition.templates.document import Template


class Library:
    """Templates of files (they stand for every version of their name), and registered ones.

    `missing` says why a reference leads to nothing (`charge@9` → "charge has no version 9"),
    `known` are further names, for suggestions.
    """

    def __init__(self, local: Iterable[Template] = ()) -> None:
        self._local = {template.name: template for template in local}
        self._registered: dict[str, Template] = {}
        self._stands_for: dict[str, str] = {}
        self.missing: dict[str, str] = {}
        self.known: set[str] = set()

    def with_local(self, local: Iterable[Template]) -> "Library":
        """The same registered templates, with other files beside."""
        made = Library(local)
        made._registered, made._stands_for = self._registered, self._stands_for
        made.missing, made.known = self.missing, self.known
        return made

    def add(self, reference: str, template: Template) -> None:
        """Add a registered template as what `reference` stands for (`charge`, `charge@stable`)."""
        assert template.version is not None, "a registered template has a version"
        self._registered[template.called] = template
        self._stands_for[reference] = template.called

    def find(self, reference: VersionRef, pins: Mapping[str, int]) -> Template | None:
        """What a reference stands for, in a text whose references are pinned as `pins` say."""
        local = self._local.get(reference.name)
        if local is not None:
            return local
        text = pinned(reference, pins)
        return self._registered.get(self._stands_for.get(text, text))

    def names(self) -> list[str]:
        """The names that are known, for suggestions."""
        registered = (template.name for template in self._registered.values())
        return sorted({*self._local, *registered, *self.known})

    def wanted(self, references: Iterable[str], pins: Mapping[str, int]) -> list[str]:
        """Those of some references that lead to nothing yet, as they are to be asked for."""
        found: list[str] = []
        for reference in references:
            try:
                ref = parse_ref(reference)
            except ValueError:
                continue  # told as a mistake when it is expanded
            text = pinned(ref, pins)
            if self.find(ref, pins) is None and text not in self.missing:
                found.append(text)
        return list(dict.fromkeys(found))


def pinned(reference: VersionRef, pins: Mapping[str, int]) -> str:
    """The reference as it was pinned when the text that holds it was registered."""
    version = pins.get(str(reference))
    return str(reference if version is None else VersionRef(reference.name, version))
