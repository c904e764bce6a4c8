"""The definitions of docs/patterns.md, by the number of the pattern."""

import re
from pathlib import Path

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "patterns.md").read_text()

SECTIONS = {
    int(number): (title, body)
    for number, title, body in re.findall(
        r"^### (\d+)\. (.*?)\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL
    )
}
"""Number → title and text of the section."""


def definitions(number: int) -> list[str]:
    """The definitions of a pattern, the one to start first."""
    return re.findall(r"```yaml\n(.*?)```", SECTIONS[number][1], re.DOTALL)
