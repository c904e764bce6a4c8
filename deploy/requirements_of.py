"""Print what one extra of pyproject.toml needs, a requirement a line; for the images' first layer.

    python requirements_of.py decision

Needs nothing but Python: it runs before anything is installed.
"""

import re
import sys
import tomllib
from pathlib import Path

_OWN = re.compile(r"stretto\[([a-z, ]+)\]")


def requirements_of(extra: str, project: dict[str, object]) -> list[str]:
    """List the requirements of the project itself and of an extra, those it names included.

    Raises:
        KeyError: there is no such extra.
    """
    dependencies, extras = project["dependencies"], project["optional-dependencies"]
    assert isinstance(dependencies, list)
    assert isinstance(extras, dict)
    wanted = list(dependencies)
    waiting, seen = [extra], {extra}
    while waiting:
        for line in extras[waiting.pop()]:
            own = _OWN.fullmatch(line)
            if own is None:
                wanted.append(line)
                continue
            more = {name.strip() for name in own[1].split(",")} - seen
            waiting += sorted(more)
            seen |= more
    return list(dict.fromkeys(wanted))


def main(arguments: list[str], pyproject: Path = Path("pyproject.toml")) -> int:
    """Print the requirements of the extra that the command line names; the exit code."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    if len(arguments) != 1 or arguments[0] not in extras:
        sys.stderr.write(f"expected one of {', '.join(extras)}, but got {' '.join(arguments)!r}\n")
        return 2
    sys.stdout.write("\n".join(requirements_of(arguments[0], project)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
