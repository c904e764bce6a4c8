"""What expressions refer to, resolved: to the run's input, to steps by index, to the item …"""

import re
from typing import NamedTuple

from stretto.contracts.graph import Ref
from stretto.definition.asks import Place
from stretto.definition.mistakes import Report
from stretto.definition.nodes import Node, Path, quoted
from stretto.definition.positions import At
from stretto.expression import STATUS_ROOT, Reference

_DASHED = re.compile(r"steps\.([a-z0-9_]+(?:-[a-z0-9_]+)+)")

_PARTS = ("output", "status", "failure")
"""What of a step can be referred to."""


class Spot(NamedTuple):
    """What expressions in one place may refer to beside `input`, `run` and other steps.

    Attributes:
        owner: index of the step that asks, None for the run's output.
        item: `item` and `index` are known.
        undoing: it is the compensation of the owner: its output is known.
        scope: which of the scopes of the definition declares the types.
    """

    owner: int | None
    item: bool = False
    undoing: bool = False
    scope: int = 0


class Use(NamedTuple):
    """A step (index) that an expression refers to, and where it does."""

    on: int
    at: At
    path: Path


class Gathering:
    """The references of one ask: each place once, in order of appearance. `spot` is where the
    expressions stand that are read next."""

    def __init__(self, spot: Spot) -> None:
        self.spot = spot
        self.refs: dict[Place, Ref] = {}
        self.uses: list[Use] = []


class References:
    """Resolves references among the steps of one scope, given by name and index."""

    def __init__(self, index: dict[str, int], report: Report) -> None:
        self._index = index
        self._report = report

    def resolve(self, reference: Reference, at: At, path: Path, into: Gathering) -> bool:
        """Add a reference to a gathering; False where it is a mistake (reported)."""
        match reference[0]:
            case "input" | "run" as root:
                into.refs.setdefault((root,), Ref(root=root))
                return True
            case "item" | "index" as root:
                if not into.spot.item:
                    return self._refuse_item(root, at, path)
                into.refs.setdefault((root,), Ref(root=root))
                return True
        return self._resolve_step(reference, at, path, into)

    def add_status(self, node: Node, path: Path, into: Gathering) -> bool:
        """Add what `failed()` and its like read; False where nothing is known of it (reported)."""
        if into.spot.owner is None:
            self._report.mistake(
                node,
                path,
                "not_known_here",
                "expected no always(), failed(), cancelled() or succeeded() in the output of a "
                "run, but got one",
                "set it in a step and give that step's output",
            )
            return False
        into.refs.setdefault((STATUS_ROOT,), Ref(root="outcome"))
        return True

    def _resolve_step(self, reference: Reference, at: At, path: Path, into: Gathering) -> bool:
        if len(reference) < 2:
            self._report.mistake(
                at,
                path,
                "bad_reference",
                "expected steps.<name>.output, but got steps as a whole or by a computed name",
            )
            return False
        name = reference[1]
        on = self._index.get(name)
        if on is None:
            return self._refuse_name(name, at, path)
        if on == into.spot.owner:
            return self._resolve_own(reference, at, path, into)
        if len(reference) < 3 or reference[2] not in _PARTS:
            return self._refuse_part(reference, at, path)
        part = reference[2]
        into.refs.setdefault(("steps", name, part), Ref(root="step", step=on, part=part))  # type: ignore[arg-type]
        into.uses.append(Use(on, at, path))
        return True

    def _resolve_own(self, reference: Reference, at: At, path: Path, into: Gathering) -> bool:
        if not into.spot.undoing:
            self._report.mistake(
                at,
                path,
                "self_reference",
                f"expected a step that ends before this one, but {quoted(reference[1])} is the "
                "step itself",
            )
            return False
        if len(reference) < 3 or reference[2] != "output":
            got = quoted(reference[2]) if len(reference) > 2 else "the step as a whole"
            self._report.mistake(
                at, path, "bad_reference", f"expected the output of the step itself, but got {got}"
            )
            return False
        into.refs.setdefault(reference[:3], Ref(root="output"))
        return True

    def _refuse_item(self, root: str, at: At, path: Path) -> bool:
        hint = ""
        if path and path[-1] == "if":
            hint = "if is asked once, before there are items: filter the list in for_each"
        self._report.mistake(
            at,
            path,
            "not_known_here",
            f"expected a name that is known here, but {root} is known only in a step with for_each",
            hint,
        )
        return False

    def _refuse_name(self, name: str, at: At, path: Path) -> bool:
        self._report.mistake(
            at,
            path,
            "unknown_step",
            f"expected the name of a step, but {quoted(name)} is none",
            self._report.meant(name, self._index),
        )
        return False

    def bracketed(self, source: str) -> str:
        """Suggest brackets to who wrote `steps.charge-card`, which is a subtraction."""
        for match in _DASHED.finditer(source):
            if match[1] in self._index:
                return f'a name with a dash is written steps["{match[1]}"]'
        return ""

    def _refuse_part(self, reference: Reference, at: At, path: Path) -> bool:
        got = reference[2] if len(reference) > 2 else ""
        name = reference[1]
        hint = self._report.meant(got, _PARTS)
        if got and not hint:
            hint = f"did you mean steps.{name}.output.{got}?"
        but = quoted(got) if got else "the step as a whole"
        self._report.mistake(
            at,
            path,
            "bad_reference",
            f"expected output, status or failure of a step, but got {but}",
            hint,
        )
        return False
