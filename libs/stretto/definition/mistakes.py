"""What is wrong with a definition, and where: gathered in one pass, never raised."""

from collections.abc import Collection

import msgspec

from stretto.definition.limits import MAX_MISTAKES
from stretto.definition.nodes import Path, path_text, quoted
from stretto.definition.origins import OfArgument, OfSample, OfTemplate, origin_of, tell
from stretto.definition.positions import At
from stretto.definition.suggestions import Suggestions


class TemplatePlace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where in a template a mistake stands; `file` is empty for one that is registered."""

    name: str
    line: int
    column: int
    path: str = ""
    file: str = ""


class Mistake(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One mistake (or warning). `code` is stable; `path` is empty for the document as a whole.

    What is wrong inside a template is told at its use; `template` says where in the template.

    `str()` is the line that people and editors read:
    `order.yaml:12:5: steps.charge.needs[0]: expected the name of a step, but "reserv" is none; did
    you mean "reserve"?`.
    """

    file: str
    line: int
    column: int
    path: str
    code: str
    reason: str
    suggestion: str = ""
    template: TemplatePlace | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: "
        path = f"{self.path}: " if self.path else ""
        return place + path + self.reason + (f"; {self.suggestion}" if self.suggestion else "")


_OF_ARGUMENTS = frozenset({"never_runs", "never_chosen", "never_true", "unused"})
"""Warnings that say nothing about a template: with other arguments it is not so."""


class Report:
    """Gathers the mistakes and warnings of one document; knows how to make suggestions.

    `text` is the document as the parser took it: places inside strings are found in it.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.text = ""
        self.suggestions = Suggestions()
        self._mistakes: list[Mistake] = []
        self._warnings: list[Mistake] = []
        self._count = 0

    def mistake(self, at: At, path: Path, code: str, reason: str, suggestion: str = "") -> None:
        if isinstance(origin_of(at), OfSample):
            return
        self._count += 1
        if len(self._mistakes) < MAX_MISTAKES:
            self._mistakes.append(self._entry(at, path, code, reason, suggestion))

    def warn(self, at: At, path: Path, code: str, reason: str, suggestion: str = "") -> None:
        origin = origin_of(at)
        if isinstance(origin, OfSample):
            return
        if isinstance(origin, OfTemplate | OfArgument) and code in _OF_ARGUMENTS:
            return
        if len(self._warnings) < MAX_MISTAKES:
            self._warnings.append(self._entry(at, path, code, reason, suggestion))

    def meant(self, name: str, known: Collection[str]) -> str:
        """Suggest the known name that was probably meant, or nothing."""
        nearest = None if self.full else self.suggestions.nearest(name, known)
        return f"did you mean {quoted(nearest)}?" if nearest else ""

    @property
    def full(self) -> bool:
        """There are more mistakes than are shown: looking for further ones is a waste."""
        return self._count > MAX_MISTAKES

    @property
    def count(self) -> int:
        """Mistakes so far, also those that are not shown."""
        return self._count

    def mistakes(self) -> list[Mistake]:
        """The mistakes in the order of the text; over MAX_MISTAKES, a last one says so."""
        found = sorted(self._mistakes, key=_place)
        if self._count > len(found):
            last = found[-1]
            found.append(
                Mistake(
                    file=self.file,
                    line=last.line,
                    column=last.column,
                    path="",
                    code="too_many_mistakes",
                    reason=f"expected at most {MAX_MISTAKES} mistakes, but there are more",
                )
            )
        return found

    def warnings(self) -> list[Mistake]:
        return sorted(self._warnings, key=_place)

    def _entry(self, at: At, path: Path, code: str, reason: str, suggestion: str) -> Mistake:
        told = tell(self.text, at, path)
        place = None
        if told.template:
            place = TemplatePlace(
                name=told.template,
                file=told.template_file,
                line=told.template_line,
                column=told.template_column,
                path=told.template_path,
            )
        return Mistake(
            file=self.file,
            line=told.line,
            column=told.column,
            path=path_text(told.path),
            code=code,
            reason=told.through + reason,
            suggestion=suggestion,
            template=place,
        )


def _place(mistake: Mistake) -> tuple[int, int]:
    return mistake.line, mistake.column
