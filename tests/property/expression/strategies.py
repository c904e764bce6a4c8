"""Random JSON, paths and expressions that often fit one another."""

from typing import Any

from hypothesis import strategies as st

NAMES = ("a", "b", "c", "x-y", "if", "int")
ROOTS = ("input", "steps", "item")

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-3, 3),
    st.sampled_from(["", "a", "b", "é", "long text"]),
)
json_values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=12,
)
maps = st.dictionaries(st.sampled_from(NAMES), json_values, max_size=5)
scopes = st.fixed_dictionaries({}, optional=dict.fromkeys(ROOTS, json_values | maps))

segments = st.lists(st.one_of(st.sampled_from(NAMES), st.integers(0, 3)), max_size=4)


@st.composite
def paths(draw: st.DrawFn) -> str:
    """A path, each segment written in one of the ways there are."""
    text: str = draw(st.sampled_from(ROOTS))
    for segment in draw(segments):
        if isinstance(segment, int):
            text += f"[{segment}]"
        elif "-" not in segment and draw(st.booleans()):
            text += f".{segment}"
        else:
            text += draw(st.sampled_from(['["{}"]', "['{}']"])).format(segment)
    return text


def expressions(names: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    """Expressions over paths, and over the variables of macros around them."""
    leaves = st.one_of(
        paths(),
        paths(),
        st.sampled_from(["1", "-2", "'a'", "''", "true", "false", "null", "[]", "{}", "[1, 'a']"]),
        *([st.sampled_from(names)] if names else []),
    )

    def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        operators = ["+", "-", "*", "/", "%", "<", ">=", "&&", "||", "in"]
        two = st.tuples(inner, st.sampled_from(operators), inner)
        return st.one_of(
            two.map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"),
            st.tuples(inner, inner).map(lambda parts: f"(dyn({parts[0]}) == {parts[1]})"),
            st.tuples(inner, inner, inner).map(lambda parts: "({} ? {} : {})".format(*parts)),
            inner.map(lambda part: f"!{part}"),
            inner.map(lambda part: f"size({part})"),
            inner.map(lambda part: f"[{part}]"),
            inner.map(lambda part: f"{{'k': {part}}}"),
            paths().map(lambda path: f"has({path}.a)"),
            st.tuples(paths(), inner).map(lambda parts: f"{parts[0]}.?a.orValue({parts[1]})"),
            st.tuples(inner, inner).map(lambda parts: f"{parts[0]}[{parts[1]}]"),
            macros(inner, names),
        )

    return st.recursive(leaves, deeper, max_leaves=6)


def macros(inner: st.SearchStrategy[str], names: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Macros over something, with a body that may name their variable."""
    name = f"v{len(names)}"
    body = expressions((*names, name)) if len(names) < 1 else inner
    kinds = ["map", "filter", "all", "exists", "exists_one"]
    return st.tuples(inner, st.sampled_from(kinds), body).map(
        lambda parts: f"{parts[0]}.{parts[1]}({name}, {parts[2]})"
    )
