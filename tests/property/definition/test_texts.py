"""Whatever the text, it is read or refused; never a traceback."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from stretto.definition import Loaded, load
from stretto.definition.mistakes import Report
from stretto.definition.nodes import Mapping, Scalar
from stretto.definition.positions import place_in
from stretto.definition.yaml_reader import read

WORDS = st.sampled_from(
    [
        "workflow", "steps", "task", "set", "switch", "wait", "fail", "needs", "if", "then", "else",
        "with", "for_each", "join", "retry", "timeout", "compensate", "input", "output", "defaults",
        "a", "b", "5s", "${{ steps.a.output }}", "${{ item }}", "${{ input.x + }}", "all", "true",
        "${{", "}}", "type", "object", "$ref", "#/a", "properties", "max_attempts", "on_failure",
        "{at_least: 2}", "1", "-1", "null", "approval", "route", "labels", "<<", "repeat",
        "until", "signal", "where", "workflow", "emit", "cancel", "catch", "on", "any", "of",
        "at_least", "rest", "complete", "limit", "${{ error.type }}", "${{ loop.output }}",
        "${{ signal }}", "*x", "&x", "\x00",
    ]
)  # fmt: skip

DOCUMENTS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=30,
)


def sound(loaded: Loaded, text: str) -> None:
    """A result is a definition or mistakes, and every mistake stands somewhere in the text."""
    assert (loaded.definition is None) == bool(loaded.mistakes)
    lines = text.count("\n") + text.count("\r") + text.count("\x85") + 2
    lines += text.count("\u2028") + text.count("\u2029")
    for mistake in (*loaded.mistakes, *loaded.warnings):
        assert 1 <= mistake.line <= lines
        assert mistake.column >= 1
        assert str(mistake).startswith("<definition>:")
        assert "expected" in mistake.reason or mistake.code == "expression"


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    sound(load(text), text)


@settings(max_examples=80, deadline=None)
@given(st.text(alphabet="abc:-[]{}&*!|>'\"%@#?,. \n\t$0159", max_size=80))
def test_any_heap_of_punctuation_is_read_or_refused(text: str) -> None:
    sound(load(text), text)


@settings(max_examples=80, deadline=None)
@given(DOCUMENTS)
def test_any_document_is_read_or_refused(document: object) -> None:
    text = json.dumps(document)

    sound(load(text), text)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(WORDS, DOCUMENTS, max_size=6), st.dictionaries(WORDS, DOCUMENTS, max_size=6))
def test_any_step_is_read_or_refused(top: dict[str, object], step: dict[str, object]) -> None:
    document = {**top, "workflow": "w", "steps": {"a": {"task": "t"}, "b": step}}
    text = json.dumps(document, indent=1)

    sound(load(text), text)


@settings(max_examples=80, deadline=None)
@given(
    st.recursive(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(-(2**63), 2**63 - 1),
            st.floats(allow_nan=False, allow_infinity=False),
            st.text(st.characters(exclude_categories=["Cs", "Cc"])),
        ),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.text("abcdefgh", min_size=1, max_size=8), inner)
        ),
        max_leaves=20,
    ),
    st.booleans(),
)
def test_json_means_what_it_means_elsewhere(value: object, ascii_only: bool) -> None:
    report = Report("f")

    node = read(json.dumps({"v": value}, ensure_ascii=ascii_only), report)

    assert node is not None, report.mistakes()
    assert node.data == {"v": value}


@settings(max_examples=80, deadline=None)
@given(
    st.text(st.sampled_from("ab é😀\"'\\"), min_size=1, max_size=30),
    st.text(st.sampled_from("ab é😀\"'\\"), max_size=10),
)
def test_a_character_is_found_in_any_quoted_string(before: str, after: str) -> None:
    text = "v: " + json.dumps(before + "X" + after, ensure_ascii=False) + "\n"
    node = read(text, Report("f"))
    assert isinstance(node, Mapping)
    scalar = node.entries["v"]
    assert isinstance(scalar, Scalar)

    place = place_in(text, scalar, len(before))

    assert (place.line, text[place.column - 1]) == (1, "X")
