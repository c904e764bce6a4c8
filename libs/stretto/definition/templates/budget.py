"""How much an expansion may make: as much as a document may hold, however templates are nested."""

from stretto.definition.limits import MAX_DEPTH, MAX_NODES, MAX_USES
from stretto.definition.mistakes import Report
from stretto.definition.nodes import Node, Path


class Overrun(Exception):
    """A limit was reached; it is in the report already, and going on makes no sense."""


class Budget:
    """Counts the values and uses of one expansion."""

    def __init__(self, report: Report, size: int) -> None:
        self.report = report
        self.nodes = size
        self.uses = 0

    def value(self, node: Node, path: Path, depth: int) -> None:
        """Count one value that is made, `depth` deep."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self._stop(
                node, path, "too_large",
                f"expected at most {MAX_NODES} values, templates written out, but got more",
            )  # fmt: skip
        if depth > MAX_DEPTH:
            self._stop(
                node, path, "too_deep",
                f"expected values nested at most {MAX_DEPTH} deep, templates written out, but got "
                "more",
            )  # fmt: skip

    def use(self, node: Node, path: Path) -> None:
        """Count one use of a template."""
        self.uses += 1
        if self.uses > MAX_USES:
            self._stop(
                node, path, "too_large",
                f"expected at most {MAX_USES} uses of templates, but got more",
            )  # fmt: skip

    def _stop(self, node: Node, path: Path, code: str, reason: str) -> None:
        self.report.mistake(node, path, code, reason)
        raise Overrun
