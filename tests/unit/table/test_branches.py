"""The cases of a switch, compiled, against testing them one by one."""

import random
from typing import Any

import pytest

from stretto.expression import EvaluationError, ExpressionError, Kind, ProgramCache
from stretto.table.branches import Chain, CompiledBranches, Split, Whole
from stretto.table.conditions import read_condition
from stretto.table.measuring import SAMPLE_EVERY

PROGRAMS = ProgramCache()


def compiled(*cases: str | None) -> CompiledBranches:
    return CompiledBranches(cases, PROGRAMS)


def one_by_one(cases: tuple[str | None, ...], scope: dict[str, Any]) -> Any:
    for number, case in enumerate(cases):
        try:
            if case is None or PROGRAMS.expression(case, None, Kind.BOOL).evaluate(scope):
                return number
        except EvaluationError as error:
            return (f"switch[{number}].if", error.code)
    return -1


def chosen(branches: CompiledBranches, scope: dict[str, Any]) -> Any:
    try:
        return branches.choose(scope)
    except EvaluationError as error:
        return (error.place, error.code)


def test_an_equality_chain_is_one_look_into_a_map() -> None:
    branches = compiled(
        'input.r == "eu"', '"us" == input.r', 'input.r in ["ca", "mx"] || input.r == "br"', None
    )

    assert [type(part) for part in branches.parts] == [Chain, Whole]
    assert branches.described() == [
        "cases 0–2: one look into a map of 5 values of input.r",
        "case 3: else",
    ]
    assert branches.changes() == ["3 tests of input.r became one look into a map"]
    assert [branches.choose({"input": {"r": r}}) for r in ("eu", "us", "br", "x")] == [0, 1, 2, 3]


def test_a_term_of_several_cases_is_worked_out_once() -> None:
    branches = compiled(
        "size(input.items) > 2 && input.a == 1",
        "input.b && size(input.items) > 2",
        "${{ size(input.items)>2 }}",
    )

    assert [type(part) for part in branches.parts] == [Split, Split, Split]
    assert branches.changes() == [
        "`size(input.items) > 2` is worked out once for cases 0, 1, 2",
    ]
    scope = {"input": {"items": [1, 2, 3], "a": 2, "b": False}}
    assert branches.choose(scope) == 2


def test_the_order_of_terms_follows_what_they_were_seen_to_rule_out() -> None:
    shared = "size(input.items.map(i, i * 2)) >= 0"
    branches = compiled(f"{shared} && input.a == 1", f"{shared} && input.a == 2")
    scope = {"input": {"items": list(range(50)), "a": 3}}

    def order() -> list[str]:
        first = branches.parts[0]
        assert isinstance(first, Split)
        return [term.source for term in first.terms]

    # By measurement: one that was interrupted takes a few more to be outweighed.
    for _ in range(SAMPLE_EVERY * 100):
        assert branches.choose(scope) == -1
        if order()[0] != shared:
            break

    assert order() == ["input.a == 1", shared]


def test_terms_are_put_in_order_though_every_run_takes_a_case() -> None:
    shared = "size(input.items.map(i, i * 2)) >= 0"
    branches = compiled(f"{shared} && input.a == 1", f"{shared} && input.a == 2", None)
    scope = {"input": {"items": list(range(50)), "a": 3}}

    for _ in range(SAMPLE_EVERY * 100):
        assert branches.choose(scope) == 2
        first = branches.parts[0]
        assert isinstance(first, Split)
        if first.terms[0].source != shared:
            break

    assert [term.source for term in first.terms] == ["input.a == 1", shared]


def test_a_case_that_nothing_can_be_saved_of_is_told_as_it_is() -> None:
    branches = compiled("input.a && input.a", "input.b > 1", "input.c == 1", "input.c == 1", None)

    assert branches.described() == [
        "case 0: `input.a && input.a`",
        "case 1: `input.b > 1`",
        "cases 2–3: one look into a map of 1 values of input.c",
        "case 4: else",
    ]
    assert branches.changes() == ["2 tests of input.c became one look into a map"]


def test_a_value_that_a_map_cannot_tell_is_asked_for_in_the_language() -> None:
    branches = compiled('input.r == "a"', "input.r == 1", None)

    assert [type(part) for part in branches.parts] == [Chain, Whole]
    assert [branches.choose({"input": {"r": r}}) for r in (["a"], {"a": 1})] == [2, 2]
    with pytest.raises(EvaluationError, match="the character U\\+0000"):
        branches.choose({"input": {"r": "a\0"}})


LITERALS = ['"eu"', '"us"', "1", "1.0", "2.5", "true", "false", "null", '"1"', '"é"']
VALUES: list[Any] = [
    "eu", "us", "asia", 1, 1.0, 2.5, 2, True, False, None, "1", "é", "e\0u", [], {}, ["eu"],
    2**63, -(2**70), 1e308,
]  # fmt: skip
CONDITIONS = [
    "input.x == {0}", "{0} == input.x", "input.x in [{0}, {1}]", "input.x == {0} || input.x == {1}",
    "input.y == {0}", "input.x == {0} && input.y == {1}", "input.z && input.x == {0}",
    "input.x != {0}", '"a && b" == input.y', "input.z", "has(input.q) && input.q",
    "input.missing == {0}", "(input.x == {0}) && (input.z || input.y == {1})",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(150))
def test_the_case_is_that_which_testing_one_by_one_takes(seed: int) -> None:
    chance = random.Random(seed)
    cases: list[str | None] = [
        chance.choice(CONDITIONS).format(chance.choice(LITERALS), chance.choice(LITERALS))
        for _ in range(chance.randint(1, 7))
    ]
    if chance.random() < 0.5:
        cases.append(None)
    branches = compiled(*cases)

    for _ in range(SAMPLE_EVERY + 8):
        pool: dict[str, Any] = {
            "x": chance.choice(VALUES),
            "y": chance.choice(VALUES),
            "z": chance.choice([True, False, 1]),
        }
        scope = {"input": {name: v for name, v in pool.items() if chance.random() < 0.9}}
        expected = one_by_one(tuple(cases), scope)
        assert chosen(branches, scope) == expected, (cases, scope)


@pytest.mark.parametrize(
    ("source", "terms"),
    [
        ("a.b && c", 2),
        ("input.a == 'x && y' && input.b", 2),
        ("input.a && (input.b && input.c)", 1),
        ("input.items.all(i, i && true)", 1),
        (r"input.a == 'it\'s' && input.b", 2),
        ("input.a || input.b && input.c", 1),
        ("input.a // && not\n && input.b", 1),
        ("input.a // x && (\n && input.b", 1),
        ("{'a': input.b} == input.x && {} == input.y", 2),
    ],
)
def test_a_condition_is_taken_apart_only_where_that_is_safe(source: str, terms: int) -> None:
    source = source.replace("a.b && c", "input.a && input.c")

    assert len(read_condition(source).terms) == terms


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ('input["a b"].c == 1', ("input", "a b", "c")),
        ('"x" == steps.a.output["x"]', ("steps", "a", "output", "x")),
        ("input[input.k] == 1", None),
        ("size(input.x) == 1", None),
        ("size(input.x)[0].y == 1", None),
        ('size(input.x)["y"] == 1', None),
        ("other.x == 1", None),
        ("input.x == input.y", None),
        ("input.x in [1, input.y]", None),
        ("input.x in []", None),
        ("input.x == 1 || input.y == 1", None),
        ("input.x == 1 || input.y", None),
        ("input.x", None),
    ],
)
def test_a_question_of_equality_is_one_of_a_path_and_literals(
    source: str, path: tuple[str, ...] | None
) -> None:
    equality = read_condition(source).equality

    assert (None if equality is None else equality.path) == path


def test_a_condition_is_one_expression() -> None:
    with pytest.raises(ExpressionError, match="expected one expression, but got more around it"):
        read_condition("${{ input.a }} and more")


def test_a_case_with_a_mistake_names_its_place() -> None:
    with pytest.raises(ExpressionError) as caught:
        compiled("true", "input.a ==")

    assert caught.value.place == "switch[1].if"
