"""The cases of a switch, compiled: equality chains become maps, shared terms are worked out once.

::

    if region == "eu"          ┐
    if region in ["us", "ca"]  ├─► one look into a map: value → case
    if region == "asia"        ┘
    if size(x) > 3 && a        ┐   `size(x) > 3` is asked at most once
    if size(x) > 3 && b        ┘

The case that is taken is the one that testing the cases one by one would take, and an error is the
one that it would meet; a test compares the two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from time import perf_counter_ns
from typing import Any, NamedTuple

from stretto.expression.cache import ProgramCache
from stretto.expression.errors import EvaluationError, ExpressionError
from stretto.expression.kinds import Kind
from stretto.expression.limits import MIN_INT
from stretto.expression.paths import Getter, Segments, getter_of, show_path
from stretto.table.conditions import Form, Literal, Read, read_condition
from stretto.table.measuring import SAMPLE_EVERY, Measured, worth

LEAST_CHAIN = 2
"""Cases in a row that ask for equality of one value before a map is made of them."""

MAX_INT = 2**63 - 1

_NONE = -1


class _Term:
    """A term that several cases share, or one of such a case; with what it costs."""

    __slots__ = ("evaluate", "measured", "number", "source")

    def __init__(self, number: int, source: str, evaluate: Getter) -> None:
        self.number = number
        self.source = source
        self.evaluate = evaluate
        self.measured = Measured(2.0, 1.0)


class Chain(NamedTuple):
    """Cases `first` to `last` that ask whether the value at a path is one of theirs."""

    first: int
    last: int
    path: Segments
    look: Getter
    cases: Mapping[tuple[bool, Literal], int]


class Split(NamedTuple):
    """A case whose terms are asked one by one, each at most once for all cases."""

    number: int
    terms: list[_Term]


class Whole(NamedTuple):
    """A case that is asked as it is, or the `else`."""

    number: int


class CompiledBranches:
    """The cases of a switch. Made once, asked often; not shared by threads."""

    def __init__(self, cases: Sequence[str | None], programs: ProgramCache) -> None:
        """Compile cases; None is an `else`.

        Raises:
            ExpressionError: a condition is wrong, with its place.
        """
        self.cases = tuple(cases)
        self._getters = [_getter(n, case, programs) for n, case in enumerate(cases)]
        reads = [None if case is None else read_condition(case) for case in cases]
        self.shared = _shared(reads)
        self.terms: dict[Form, _Term] = {}
        self.parts = self._parts(reads, programs)
        self.asked = 0
        self._is_plain = all(isinstance(part, Whole) for part in self.parts)

    def choose(self, scope: Mapping[str, Any]) -> int:
        """Return the number of the first case that fits, -1 for none.

        Raises:
            EvaluationError: a case that is come to cannot be worked out; with its place.
        """
        if self._is_plain:
            return self._one_by_one(scope)
        self.asked += 1
        known: list[bool | EvaluationError | None] = [None] * len(self.terms)
        measuring = bool(self.terms) and not self.asked % SAMPLE_EVERY
        found = _NONE
        for part in self.parts:
            match part:
                case Whole(number):
                    found = number if self._one(number, scope) else _NONE
                case Chain():
                    found = self._of_chain(part, scope)
                case _:
                    if self._of_terms(part, scope, known, measuring=measuring):
                        found = part.number
            if found != _NONE:
                break
        if measuring:
            self._reorder()
        return found

    def _one_by_one(self, scope: Mapping[str, Any]) -> int:
        number = _NONE
        try:
            for number, evaluate in enumerate(self._getters):
                if evaluate is None or evaluate(scope):
                    return number
        except EvaluationError as error:
            raise error.at(f"switch[{number}].if") from error
        return _NONE

    def _one(self, number: int, scope: Mapping[str, Any]) -> bool:
        evaluate = self._getters[number]
        try:
            return evaluate is None or bool(evaluate(scope))
        except EvaluationError as error:
            raise error.at(f"switch[{number}].if") from error

    def _of_chain(self, chain: Chain, scope: Mapping[str, Any]) -> int:
        try:
            value = chain.look(scope)
        except EvaluationError as error:
            raise error.at(f"switch[{chain.first}].if") from error
        if _is_simple(value):
            return chain.cases.get((type(value) is bool, value), _NONE)
        cases = range(chain.first, chain.last + 1)
        return next((number for number in cases if self._one(number, scope)), _NONE)

    def _of_terms(
        self,
        split: Split,
        scope: Mapping[str, Any],
        known: list[bool | EvaluationError | None],
        *,
        measuring: bool,
    ) -> bool:
        failed = False
        for term in split.terms:
            answer = known[term.number]
            if answer is None:
                began = perf_counter_ns() if measuring else 0
                try:
                    answer = bool(term.evaluate(scope))
                except EvaluationError as error:
                    answer = error
                known[term.number] = answer
                if measuring:
                    term.measured.count(perf_counter_ns() - began, 1, int(answer is True))
            if answer is False:
                return False
            failed = failed or answer is not True
        # Asked as a whole it fails in the words of the language.
        return not failed or self._one(split.number, scope)

    def _reorder(self) -> None:
        for part in self.parts:
            if isinstance(part, Split):
                part.terms.sort(key=lambda term: worth(term.measured))

    def _parts(
        self, reads: Sequence[Read | None], programs: ProgramCache
    ) -> list[Chain | Split | Whole]:
        parts: list[Chain | Split | Whole] = []
        number = 0
        while number < len(reads):
            chain = _chain(reads, number)
            if chain is not None:
                parts.append(chain)
                number = chain.last + 1
                continue
            read = reads[number]
            if read is not None and any(term.form in self.shared for term in read.terms):
                parts.append(Split(number, self._terms_of(number, read, programs)))
            else:
                parts.append(Whole(number))
            number += 1
        return parts

    def _terms_of(self, number: int, read: Read, programs: ProgramCache) -> list[_Term]:
        found = []
        for term in read.terms:
            made = self.terms.get(term.form)
            if made is None:
                evaluate = _getter(number, term.source, programs)
                assert evaluate is not None
                made = self.terms[term.form] = _Term(len(self.terms), term.source, evaluate)
            found.append(made)
        return found

    def described(self) -> list[str]:
        """What the cases have become, and what that saves, in sentences."""
        told = []
        for part in self.parts:
            match part:
                case Chain():
                    told.append(
                        f"cases {part.first}–{part.last}: one look into a map of "
                        f"{len(part.cases)} values of {show_path(part.path)}"
                    )
                case Split(number, terms):
                    texts = ", then ".join(f"`{term.source}`" for term in terms)
                    told.append(f"case {number}: {texts}")
                case _:
                    case = self.cases[part.number]
                    told.append(f"case {part.number}: {'else' if case is None else f'`{case}`'}")
        return told

    def changes(self) -> list[str]:
        """What the optimiser has changed."""
        told = [
            f"{part.last - part.first + 1} tests of {show_path(part.path)} became one look into "
            "a map"
            for part in self.parts
            if isinstance(part, Chain)
        ]
        for form, cases in self.shared.items():
            term = self.terms.get(form)
            if term is not None:
                many = ", ".join(map(str, cases))
                told.append(f"`{term.source}` is worked out once for cases {many}")
        return told


def _getter(number: int, case: str | None, programs: ProgramCache) -> Getter | None:
    if case is None:
        return None
    try:
        return programs.expression(case, None, Kind.BOOL).evaluate
    except ExpressionError as error:
        error.place = f"switch[{number}].if"
        raise


def _shared(reads: Sequence[Read | None]) -> dict[Form, list[int]]:
    """The terms that more than one case has, and which."""
    found: dict[Form, list[int]] = {}
    for number, read in enumerate(reads):
        for term in () if read is None else read.terms:
            cases = found.setdefault(term.form, [])
            if number not in cases:
                cases.append(number)
    return {form: cases for form, cases in found.items() if len(cases) > 1}


def _chain(reads: Sequence[Read | None], first: int) -> Chain | None:
    """The chain of equalities that begins at a case, if there is one."""
    read = reads[first]
    if read is None or read.equality is None:
        return None
    path = read.equality.path
    cases: dict[tuple[bool, Literal], int] = {}
    last = first
    for number in range(first, len(reads)):
        each = reads[number]
        if each is None or each.equality is None or each.equality.path != path:
            break
        for literal in each.equality.literals:
            cases.setdefault((type(literal) is bool, literal), number)
        last = number
    if last - first + 1 < LEAST_CHAIN:
        return None
    return Chain(first, last, path, getter_of(path), cases)


def _is_simple(value: Any) -> bool:
    """Whether equality in the language is equality here; what is not simple is asked case by
    case."""
    match value:
        case None | bool():
            return True
        case str():
            return "\0" not in value
        case int():
            return MIN_INT <= value <= MAX_INT
        case float():
            return math.isfinite(value)
    return False
