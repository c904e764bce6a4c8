"""Random workflows: what compiles keeps its edges, and what has a ring says so."""

from hypothesis import given, settings
from hypothesis import strategies as st

from stretto.contracts.codec import decode_graph, json_encode
from stretto.definition import check, compile_graph, load

MAX_STEPS = 12

Edges = list[tuple[int, int, str]]
"""Step, the earlier step that it needs, and how it says so."""


@st.composite
def ordered(draw: st.DrawFn) -> tuple[list[int], Edges]:
    """Steps in some order of the text, with edges to steps of lower rank only."""
    count = draw(st.integers(2, MAX_STEPS))
    order = draw(st.permutations(range(count)))
    pairs = draw(
        st.lists(st.tuples(st.integers(1, count - 1), st.integers(0, count - 2)), max_size=20)
    )
    hows = st.sampled_from(["needs", "with", "if", "for_each", "undo"])
    edges = [(step, on % step, draw(hows)) for step, on in pairs]
    return order, edges


def text_of(order: list[int], edges: Edges) -> str:
    lines = ["workflow: w", "steps:"]
    for step in order:
        by = {
            how: list(dict.fromkeys(on for s, on, h in edges if s == step and h == how))
            for how in ("needs", "with", "if", "for_each", "undo")
        }
        lines.append(f"  s{step}:")
        lines.append("    task: t")
        if by["needs"]:
            lines.append(f"    needs: [{', '.join(f's{on}' for on in by['needs'])}]")
        if by["if"]:
            terms = " && ".join(f"steps.s{on}.output != null" for on in by["if"])
            lines.append(f"    if: ${{{{ {terms} }}}}")
        if by["for_each"]:
            lists = " + ".join(f"[steps.s{on}.output]" for on in by["for_each"])
            lines.append(f"    for_each: ${{{{ {lists} }}}}")
        if by["with"]:
            values = ", ".join(f'"${{{{ steps.s{on}.output }}}}"' for on in by["with"])
            lines.append(f"    with: {{x: [{values}]}}")
        if by["undo"]:
            values = ", ".join(f'"u ${{{{ steps.s{on}.output }}}}"' for on in by["undo"])
            lines.append(f"    compensate: {{task: u, with: {{x: [{values}]}}}}")
    return "\n".join(lines) + "\n"


@settings(max_examples=60, deadline=None)
@given(ordered())
def test_a_graph_has_the_edges_of_its_text_and_no_others(drawn: tuple[list[int], Edges]) -> None:
    order, edges = drawn

    loaded = load(text_of(order, edges))

    assert loaded.definition is not None, [str(m) for m in loaded.mistakes]
    graph = compile_graph(loaded.definition, 1)
    steps = graph.root.steps
    assert [step.name for step in steps] == [f"s{step}" for step in order]
    found = {(step.name, steps[on].name) for step in steps for on in step.needs}
    assert found == {(f"s{step}", f"s{on}") for step, on, _ in edges}
    for number, step in enumerate(steps):
        assert list(step.needs) == sorted(set(step.needs))
        assert all(number in steps[on].dependents for on in step.needs)
        assert all(number in steps[on].needs for on in step.dependents)
    assert decode_graph(json_encode(graph)) == graph


@settings(max_examples=40, deadline=None)
@given(ordered(), st.data())
def test_an_edge_back_makes_a_ring_that_is_named(
    drawn: tuple[list[int], Edges], data: st.DataObject
) -> None:
    order, edges = drawn
    chain: Edges = [(step, step - 1, "needs") for step in range(1, len(order))]
    low = data.draw(st.integers(0, len(order) - 2))
    high = data.draw(st.integers(low + 1, len(order) - 1))

    mistakes = check(text_of(order, [*edges, *chain, (low, high, "needs")]))

    assert [mistake.code for mistake in mistakes] == ["cycle"]
    ring = mistakes[0].reason.rpartition(": ")[2].split(" → ")
    assert ring[0] == ring[-1] and len(ring) > 2
    assert f"s{low}" in ring and ring[ring.index(f"s{low}") + 1] == f"s{high}"
