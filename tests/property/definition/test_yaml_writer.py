"""What is written as YAML is read back as the same data."""

from hypothesis import given
from hypothesis import strategies as st

from stretto.definition.mistakes import Report
from stretto.definition.nodes import Json
from stretto.definition.yaml_reader import read
from stretto.definition.yaml_writer import write_yaml

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
ODD = st.sampled_from(
    ["on", "yes", "0o17", "017", "1:30", "2030-01-01", "~", "null", "1e3", "<<", "=", "- a", "a: b",
     "${{ a }}", "$${{ a }}", "a\nb\n", " a", "a ", "\ta", "#a", "1_000", ".inf", "9" * 30, "|",
     "a\n\n b", "\u2028", "\x85", "\ufeff", "é", "'", '"', "{}", "[]", "true", "True", "x" * 300]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS | ODD
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
DATA = st.recursive(
    SCALARS | FLOATS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS | ODD, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS | ODD, DATA, max_size=4))
def test_what_is_written_is_read_back(data: dict[str, Json]) -> None:
    report = Report("f")
    text = write_yaml(data)

    node = read(text, report)

    assert [str(m) for m in report.mistakes()] == [], text
    assert node is not None
    assert node.data == data, text
