"""Templates over random JSON: filling in, writing, escaping, taking texts apart."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from stretto.expression import compile_template
from stretto.expression.interpolation import split
from tests.property.expression.strategies import json_values

SCOPE = {"input": {"a": 1, "b": "text", "c": [True, None], "d": {"e": 2.5}}}
EXPRESSIONS = ["input.a", "input.b + '}}'", "input.c", "{'k': {'d': input.d}}", "'${{'"]

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0$"), max_size=10)
pieces = st.one_of(texts, st.sampled_from(EXPRESSIONS).map(lambda source: f"${{{{ {source} }}}}"))
templates = st.recursive(
    st.one_of(st.integers(-5, 5), st.none(), st.lists(pieces, max_size=3).map("".join)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=10,
)


@settings(max_examples=80, deadline=None)
@given(templates)
def test_writing_is_encoding_what_is_filled_in(template: Any) -> None:
    compiled = compile_template(template)

    assert compiled.render_json(SCOPE) == msgspec.json.encode(compiled.evaluate(SCOPE))


@settings(max_examples=80, deadline=None)
@given(json_values)
def test_json_without_expressions_stays_what_it_is(value: Any) -> None:
    template = compile_template(value)

    assert template.is_constant
    assert template.evaluate({}) == value


@settings(max_examples=80, deadline=None)
@given(st.text(st.sampled_from("${} a\n'\"\\"), max_size=20))
def test_any_text_can_be_escaped(text: str) -> None:
    escaped = text.replace("${{", "$${{")

    assert "".join(piece.text for piece in split(escaped)) == text


@settings(max_examples=80, deadline=None)
@given(st.lists(pieces, max_size=5))
def test_a_text_is_taken_apart_where_it_was_put_together(parts: list[str]) -> None:
    text = "".join(parts)

    found = split(text)

    sources = [piece.text.strip() for piece in found if piece.is_expression]
    assert sources == [part[3:-2].strip() for part in parts if part.startswith("${{")]
    assert all(text[piece.offset - 3 :].startswith("${{") for piece in found if piece.is_expression)
