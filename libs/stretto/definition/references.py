"""What expressions refer to, resolved: to the run's input, to steps by index, to the item …

Names are looked up from the inside out: a *frame* holds the names of one scope and knows which step
of which frame it is the inside of. Whoever refers to a step of an outer scope makes the step needed
by the group that it stands in.
"""

import re
from collections.abc import Collection
from typing import NamedTuple

from stretto.contracts.asks import Ref
from stretto.definition.asks import Place
from stretto.definition.dependencies import Frame, Need
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
        frame: the scope whose names are looked up first.
        owner: index of the step that asks, None for what a run, a group or a round gives.
        item: `item` and `index` are known.
        error: `error` is known: it is a handler.
        loop: `loop` is known: it is inside a loop.
        signal: `signal` is known: it is the condition of a signal.
        undoing: it is the compensation of the owner: its output is known.
        inputs: `inputs` is known: it is a rule of a decision table.
        value: `value` is known: it is a condition of a decision table.
        device: `device` is known: it is in a route.
        scope: which of the scopes of the definition declares the types.
    """

    frame: Frame
    owner: int | None
    item: bool = False
    error: bool = False
    loop: bool = False
    signal: bool = False
    undoing: bool = False
    scope: int = 0
    inputs: bool = False
    value: bool = False
    device: bool = False


_WHERE = {
    "item": "in a step with for_each",
    "index": "in a step with for_each",
    "error": "in a handler (catch)",
    "loop": "in the steps, the output and the until of a repeat",
    "signal": "in the where of a signal",
    "inputs": "in the rules of a decision table",
    "value": "in the conditions of a decision table",
    "device": "in a route",
}
"""Roots that are known in some places only, and in which."""


class Gathering:
    """The references of one ask: each place once, in order of appearance. `spot` is where the
    expressions stand that are read next."""

    def __init__(self, spot: Spot) -> None:
        self.spot = spot
        self.refs: dict[Place, Ref] = {}


class References:
    """Resolves references from the spot where they stand, and notes the needs that they make."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def resolve(self, reference: Reference, at: At, path: Path, into: Gathering) -> bool:
        """Add a reference to a gathering; False where it is a mistake (reported)."""
        match reference[0]:
            case "input" | "run" as root:
                into.refs.setdefault((root,), Ref(root=root))
                return True
            case "item" | "index" | "error" | "loop" | "signal" as root:
                if not getattr(into.spot, "item" if root == "index" else root):
                    return self._refuse_root(root, at, path)
                into.refs.setdefault((root,), Ref(root=root))
                return True
            case "inputs" | "value" | "device" as root:
                # The decision service makes them itself: no value is sent along.
                return getattr(into.spot, root) or self._refuse_root(root, at, path)
        return self._resolve_step(reference, at, path, into)

    def add_status(self, node: Node, path: Path, into: Gathering) -> bool:
        """Add what `failed()` and its like read; False where nothing is known of it (reported)."""
        if into.spot.owner is None:
            self._report.mistake(
                node,
                path,
                "not_known_here",
                "expected no always(), failed(), cancelled() or succeeded() but in a step, and "
                "got one in what a run, a group or a loop gives",
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
        frame, owner, up = into.spot.frame, into.spot.owner, 0
        while name not in frame.index:
            if frame.outer is None:
                return self._refuse_name(name, at, path, into.spot.frame)
            frame, owner, up = frame.outer, frame.owner, up + 1
        on = frame.index[name]
        if on == owner:
            return self._resolve_own(reference, at, path, into, up)
        if len(reference) < 3 or reference[2] not in _PARTS:
            return self._refuse_part(reference, at, path)
        part = reference[2]
        known = frame.fields.get(on) if part == "output" and len(reference) > 3 else None
        if known is not None and reference[3] not in known:
            return self._refuse_field(reference, known, at, path)
        ref = Ref(root="step", up=up, step=on, part=part)  # type: ignore[arg-type]
        into.refs.setdefault(("steps", name, part), ref)
        frame.used.add(on)
        if owner is not None:
            frame.needs.add(Need(owner, on, at, path))
        return True

    def _refuse_field(
        self, reference: Reference, known: Collection[str], at: At, path: Path
    ) -> bool:
        got = reference[3]
        self._report.mistake(
            at,
            path,
            "bad_reference",
            f"expected a field that {quoted(reference[1])} gives ({', '.join(sorted(known))}), but "
            f"{quoted(got)} is none",
            self._report.meant(got, known),
        )
        return False

    def _resolve_own(
        self, reference: Reference, at: At, path: Path, into: Gathering, up: int
    ) -> bool:
        if up:
            self._report.mistake(
                at,
                path,
                "self_reference",
                f"expected a step that ends before this one, but this is inside "
                f"{quoted(reference[1])}",
                "the failure that a handler handles is error" if into.spot.error else "",
            )
            return False
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

    def _refuse_root(self, root: str, at: At, path: Path) -> bool:
        hint = ""
        if path and path[-1] == "if" and root in ("item", "index"):
            hint = "if is asked once, before there are items: filter the list in for_each"
        self._report.mistake(
            at,
            path,
            "not_known_here",
            f"expected a name that is known here, but {root} is known only {_WHERE[root]}",
            hint,
        )
        return False

    def _refuse_name(self, name: str, at: At, path: Path, frame: Frame) -> bool:
        self._report.mistake(
            at,
            path,
            "unknown_step",
            f"expected the name of a step, but {quoted(name)} is none",
            self._report.meant(name, frame.known()),
        )
        return False

    def bracketed(self, source: str, frame: Frame) -> str:
        """Suggest brackets to who wrote `steps.charge-card`, which is a subtraction."""
        for match in _DASHED.finditer(source):
            if match[1] in frame.known():
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
