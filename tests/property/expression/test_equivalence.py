"""Our ways to evaluate give what the native library gives: paths, rewritten trees, our macros."""

from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from stretto.expression import compile_expression
from tests.property.expression.reference import outcome_of_library, outcome_of_ours
from tests.property.expression.strategies import expressions, json_values, paths, scopes


@settings(max_examples=50, deadline=None)
@given(paths(), scopes)
@example("input['a'].b", {"input": {"a": "text"}})
@example("input[0]", {"input": "text"})
@example("input[0]", {"input": {"0": 1}})
@example("input.a", {"input": [1]})
@example("input.a", {"input": {"a": None}})
@example("item", {})
def test_a_path_is_looked_up_as_the_library_does(source: str, scope: dict[str, Any]) -> None:
    assert compile_expression(source).is_path
    assert outcome_of_ours(source, scope) == outcome_of_library(source, scope)


@settings(max_examples=50, deadline=None)
@given(expressions(), scopes)
def test_a_rewritten_expression_means_the_same(source: str, scope: dict[str, Any]) -> None:
    ours = outcome_of_ours(source, scope)
    assume(ours[0] != "mistake")

    theirs = outcome_of_library(source, scope)

    # Which of several errors is reported is not defined by the language.
    assert ours == theirs if "value" in {ours[0], theirs[0]} else ours[0] == theirs[0] == "error"


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["map", "filter", "all", "exists", "exists_one"]),
    st.sampled_from(["v > 0", "v == 1", "v", "size(v) > 0", "v in [1, 'a']", "[v, v]", "!v"]),
    st.lists(json_values.filter(lambda value: value is not None), max_size=4),
)
def test_a_macro_that_we_run_means_the_same(kind: str, body: str, items: list[Any]) -> None:
    # `default` of what is there is the identity, but it is a function of ours.
    ours = f"input.{kind}(v, {body.replace('v', 'default(v, 0)', 1)})"
    theirs = f"input.{kind}(v, {body})"
    scope = {"input": items}

    outcome, expected = outcome_of_ours(ours, scope), outcome_of_library(theirs, scope)

    assume(outcome[0] != "mistake")
    assert outcome == expected if expected[0] == "value" else outcome[0] == "error"


@settings(max_examples=40, deadline=None)
@given(expressions(), scopes)
def test_only_what_is_referred_to_is_needed(source: str, scope: dict[str, Any]) -> None:
    ours = outcome_of_ours(source, scope)
    assume(ours[0] != "mistake")

    only: dict[str, Any] = {}
    for reference in compile_expression(source).references:
        copy_path(scope, only, reference)

    assert outcome_of_ours(source, only) == ours


def copy_path(source: Any, target: dict[str, Any], path: tuple[str, ...]) -> None:
    """Copy what stands at a path, as far as there is something."""
    head, rest = path[0], path[1:]
    if head not in source:
        return
    if rest and isinstance(source[head], dict):
        inner = target.setdefault(head, {})
        if inner is not source[head]:
            copy_path(source[head], inner, rest)
    else:
        target[head] = source[head]
