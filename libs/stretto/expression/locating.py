"""Where in an expression an evaluation has failed.

The native library says what is wrong and not where. So the expression is taken apart, after the
fact: the smallest part that fails by itself over the same values is the one. Parts that `&&`, `||`
and `? :` did not need are not blamed; of a macro, the round that fails is found.

It costs a few evaluations more, bounded by `MAX_TRIES`, and only for what has failed anyway. What
was refused because it would cost too much is not tried again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from stretto.expression.cost import guard_of
from stretto.expression.errors import EvaluationError, Spot, spot_at
from stretto.expression.evaluation import evaluation_of, handed_in
from stretto.expression.inputs import (
    CallInput,
    Found,
    Input,
    LoopInput,
    NumbersInput,
    Rewritten,
    Use,
)
from stretto.expression.loops import scopes_of
from stretto.expression.paths import Scope, Segments, look_up
from stretto.expression.syntax import Call, Const, Ident, Loop, Node, children, walk

__all__ = ["Locator", "PathLocator"]

MAX_TRIES = 200
"""Parts that are tried for one error: an expression has at most a few dozen, macros more."""

_NOT_TRIED_AGAIN = frozenset({"cost_exceeded", "too_large"})

_NAME_AT_END = re.compile(r"[A-Za-z_]\w*\Z", re.ASCII)

_Variables = dict[str, Any]
_Read = Callable[[dict[str, Any]], list[Any] | str]


class PathLocator:
    """Finds where an expression fails that is nothing but a path."""

    def __init__(self, source: str, use: Use) -> None:
        self.source = source
        self._use = use

    def spot(self, _error: EvaluationError, scope: Scope) -> Spot:
        """Where the first segment stands that is not there."""
        use = self._use
        missing = _missing(use.segments, use.offsets, scope)
        return _spot(self.source, use.offsets[0] if missing is None else missing)


class Locator:
    """Finds where an expression fails. Holds what it has compiled of its parts.

    Args:
        source: the expression.
        positions: where each node stands in it, in characters from 0.
        part: the whole, rewritten.
        found: what it uses.
    """

    def __init__(
        self, source: str, positions: Mapping[int, int], part: Rewritten, found: Found
    ) -> None:
        self.source = source
        self._positions = positions
        self._part = part
        self._found = found
        self._paths = {use.segments: use.offsets for use in found.uses}
        self._readers: dict[int, _Read] = {}
        self._tries = 0

    def spot(self, error: EvaluationError, scope: Scope) -> Spot:
        """Where the part stands that has given an error over a scope."""
        if error.code in _NOT_TRIED_AGAIN:
            return _spot(self.source, self._of_refused(scope))
        self._tries = 0
        return _spot(self.source, self._of(self._part, scope))

    def _of_refused(self, scope: Scope) -> int:
        """Where the part stands that would cost too much by itself, or has too large a value."""
        part = self._part
        node = part.node
        variables, failures = handed_in(part, self._found, scope)

        def is_refused(node: Node) -> bool:
            names = {each.name for each in walk(node) if isinstance(each, Ident)}
            if names & failures.keys():
                return True
            guard = guard_of(Rewritten(node, part.inputs))
            try:
                return guard is not None and guard(variables) < 0
            except EvaluationError:
                return True

        while True:
            inner = (node.over,) if isinstance(node, Loop) else children(node)
            found = next((each for each in inner if is_refused(each)), None)
            if found is None:
                return self._at(node)
            node = found

    def _of(self, part: Rewritten, scope: Scope) -> int:
        """Where a part fails over a scope."""
        only = part.only_input
        if only is not None and not isinstance(only, NumbersInput):
            return self._of_input(only, self._at(part.node), scope)
        variables, failures = handed_in(part, self._found, scope)
        inputs = {name: each for each in part.inputs for name in _variables_of(each)}

        def outside(node: Ident) -> int:
            """Where the value of a variable fails."""
            at = self._at(node)
            given = inputs[node.name] if node.name in failures else None
            return at if given is None else self._of_input(given, at, scope, node.name)

        return self._of_node(part.node, variables, outside)

    def _of_input(self, given: Input, at: int, scope: Scope, name: str = "") -> int:
        """Where what a variable stands for fails; `at`: where it stands."""
        match given:
            case NumbersInput():
                member = given.members[given.variables.index(name)]
                return at if isinstance(member, int | float) else self._of_input(member, at, scope)
            case CallInput():
                failing = (arg for arg in given.args if self._fails_outside(arg, scope))
                arg = next(failing, None)
                return at if arg is None else self._of(arg, scope)
            case LoopInput():
                return self._of_own_loop(given, at, scope)
        segments = (*given.segments, given.field) if given.field else given.segments
        missing = _missing(segments, self._paths.get(segments, ()), scope)
        return at if missing is None else missing

    def _of_own_loop(self, loop: LoopInput, at: int, scope: Scope) -> int:
        if self._fails_outside(loop.over, scope):
            return self._of(loop.over, scope)
        value = evaluation_of(loop.over, self._found)(scope)
        try:
            scopes = scopes_of(loop.macro, scope, value)
        except EvaluationError:
            return at
        for inner in scopes:
            for part in loop.parts:
                if self._tries < MAX_TRIES and self._fails_outside(part, inner):
                    return self._of(part, inner)
        return at

    def _fails_outside(self, part: Rewritten, scope: Scope) -> bool:
        self._tries += 1
        try:
            evaluation_of(part, self._found)(scope)
        except EvaluationError:
            return True
        return False

    def _of_node(self, node: Node, variables: _Variables, outside: Callable[[Ident], int]) -> int:
        """Where a node fails that is known to fail."""
        while True:
            if isinstance(node, Ident):
                return outside(node)
            if isinstance(node, Loop):
                found = self._round(node, variables)
                if found is None:
                    return self._at(node)
                node, variables = found
                continue
            inner = next(
                (n for n in self._needed(node, variables) if self._fails(n, variables)), None
            )
            if inner is None:
                return self._at(node)
            node = inner

    def _needed(self, node: Node, variables: _Variables) -> Iterator[Node]:
        """The parts that a node needs over these variables, in their order."""
        if isinstance(node, Call) and node.function == "_?_:_":
            asked, yes, no = node.args
            yield asked
            answer = self._read(asked, variables)
            yield yes if answer[0] is True else no
            return
        for child in children(node):
            if not (isinstance(child, Ident) and self._is_namespace(node, child, variables)):
                yield child

    @staticmethod
    def _is_namespace(node: Node, child: Ident, variables: _Variables) -> bool:
        """Whether a name stands before a function and is no value: `math` in `math.abs(x)`."""
        if not isinstance(node, Call) or node.target is not child:
            return False
        return not child.name.startswith("@") and child.name not in variables

    def _round(self, loop: Loop, variables: _Variables) -> tuple[Node, _Variables] | None:
        """The part of a macro that fails, with the variables of its round."""
        for outer in (loop.over, loop.start):
            if self._fails(outer, variables):
                return outer, variables
        over, start = self._read(loop.over, variables), self._read(loop.start, variables)
        assert isinstance(over, list)
        assert isinstance(start, list)
        for first, second in _items(over[0], bool(loop.second_name)):
            inside = {**variables, loop.item_name: first, loop.result_name: start[0]}
            if loop.second_name:
                inside[loop.second_name] = second
            if self._tries >= MAX_TRIES:
                return None
            if self._fails(loop.step, inside):
                return loop.step, inside
        inside = {**variables, loop.result_name: start[0]}
        if self._fails(loop.result, inside):
            return loop.result, inside
        return None

    def _fails(self, node: Node, variables: _Variables) -> bool:
        if isinstance(node, Const) or self._tries >= MAX_TRIES:
            return False
        return isinstance(self._read(node, variables), str)

    def _read(self, node: Node, variables: _Variables) -> list[Any] | str:
        from stretto.expression import native

        self._tries += 1
        read = self._readers.get(node.id)
        if read is None:
            read = self._readers[node.id] = native.reader_of(node, optionals=True)
        try:
            return read(variables)
        except EvaluationError:
            return [None]  # a value that only the parts around it can take: an optional

    def _at(self, node: Node) -> int:
        """Where a node stands: the name of a field or function, an operator."""
        offset = self._positions.get(node.id, 0)
        if self.source.startswith(".", offset):
            return offset + 1
        if not self.source.startswith("(", offset):
            return offset
        name = _NAME_AT_END.search(self.source, 0, offset)
        return offset if name is None else name.start()


def _missing(segments: Segments, offsets: Sequence[int], scope: Scope) -> int | None:
    """The offset of the first segment of a path that is not there; None where all are."""
    for length, offset in enumerate(offsets, 1):
        try:
            look_up(scope, segments[:length])
        except EvaluationError:
            return offset
    return None


def _spot(source: str, offset: int) -> Spot:
    """The place of an offset, without the spaces around the source: `${{ x }}` has some."""
    return spot_at(source.strip(), max(0, offset - (len(source) - len(source.lstrip()))))


def _variables_of(given: Input) -> tuple[str, ...]:
    return given.variables


def _items(value: Any, two: bool) -> Iterator[tuple[Any, Any]]:
    """What the variables of a macro are, round by round."""
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield (index, item) if two else (item, None)
