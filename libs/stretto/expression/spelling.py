"""Roots whose names the language reserves, spelled so that it takes them.

`loop` is a reserved word of the language, and a root of ours. So the library sees another name of
the same length in its place; lines and columns stay.
"""

import re

__all__ = ["SPELLED", "root_of", "spelled"]

SPELLED = {"loop": "__lp"}
_MEANT = {spelling: root for root, spelling in SPELLED.items()}

_PIECE = re.compile(
    r'''
    (?:"""(?:\\.|[^\\])*?"""|\'\'\'(?:\\.|[^\\])*?\'\'\'
    | "(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'
    | //[^\n]*
    | `[^`]*`)
    | (?P<field>\.\??\s*)?(?P<name>[A-Za-z_]\w*)
    ''',
    re.VERBOSE | re.DOTALL | re.ASCII,
)
"""Quoted texts, comments, and names, with the dot before them where there is one."""


def spelled(source: str) -> str:
    """The source as the library takes it; each character stands where it stood."""
    if not any(root in source for root in SPELLED):
        return source
    return _PIECE.sub(_spell, source)


def root_of(name: str) -> str:
    """The root that a name in a tree means: a leading dot says only that it is one."""
    name = name.lstrip(".")
    return _MEANT.get(name, name)


def _spell(piece: re.Match[str]) -> str:
    name = piece["name"]
    return SPELLED[name] if name in SPELLED and not piece["field"] else piece[0]
