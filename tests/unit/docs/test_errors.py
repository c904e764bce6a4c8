"""docs/errors.md explains every code that a refusal of the workflow service can carry."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
REFUSALS = re.compile(r'(?:Rejection|Reason|Refusal)\(\s*(?:code=)?"([a-z_]+)"')


def test_every_code_of_a_refusal_has_its_line() -> None:
    sources = [*(ROOT / "services" / "workflow").rglob("*.py")]
    used = {code for path in sources for code in REFUSALS.findall(path.read_text("utf-8"))}
    assert len(used) > 15, "the pattern finds the codes"
    assert sorted(code for code in used if f"`{code}`" not in TEXT) == []
