"""What a program says about itself: references, positions, status functions, constancy."""

import pytest

from stretto.expression import Reference, compile_expression

REFERENCES: list[tuple[str, tuple[Reference, ...]]] = [
    ("1 + 1", ()),
    ("input", (("input",),)),
    ("input.region", (("input", "region"),)),
    ("input['region']", (("input", "region"),)),
    ("input.region == 'eu' || input.region == 'us'", (("input", "region"),)),
    ("steps.scan", (("steps", "scan"),)),
    ("steps.scan.all(s, s.ok)", (("steps", "scan"),)),
    ("steps.charge.output.id", (("steps", "charge", "output", "id"),)),
    ('steps["charge"].output', (("steps", "charge", "output"),)),
    ('steps["a-b"].output', (("steps", "a-b", "output"),)),
    ("steps.`a-b`.output", (("steps", "a-b", "output"),)),
    ("input.items[0].sku", (("input", "items"),)),
    ("input.items[index].sku", (("input", "items"), ("index",))),
    ("steps[input.name].output", (("steps",), ("input", "name"))),
    ("has(input.a.b)", (("input", "a", "b"),)),
    ("input.?a.?b", (("input", "a"),)),
    ("input[?'a']", (("input", "a"),)),
    ("input.items.map(i, i.sku == input.sku)", (("input", "items"), ("input", "sku"))),
    ("input.items.map(i, input.other.filter(o, o.id == i.id))", (
        ("input", "items"), ("input", "other"),
    )),
    ("cel.bind(x, input.a, x + input.b)", (("input", "a"), ("input", "b"))),
    ("{'k': input.a, input.b: [input.c]}", (("input", "b"), ("input", "a"), ("input", "c"))),
    ("input.name.startsWith(item.prefix)", (("input", "name"), ("item", "prefix"))),
    ("input.a + input.b * 2", (("input", "a"), ("input", "b"))),
    ("math.greatest(input.a, 1)", (("input", "a"),)),
    ("pick(input.a, ['x'])", (("input", "a"),)),
    ("default(input.a, item.b)", (("input", "a"), ("item", "b"))),
    ("input.items.map(i, pick(i, input.fields))", (("input", "items"), ("input", "fields"))),
    ("failed() && input.x", (("input", "x"),)),
]  # fmt: skip


@pytest.mark.parametrize(("source", "references"), REFERENCES)
def test_the_free_paths_of_an_expression_are_its_references(
    source: str, references: tuple[Reference, ...]
) -> None:
    program = compile_expression(source)

    assert sorted(program.references) == sorted(references)
    assert program.is_constant == (not references)


def test_positions_tell_where_each_reference_stands_first() -> None:
    program = compile_expression("input.a == 1 &&\n  steps.b.output == input.a")

    assert program.positions == {("input", "a"): (1, 1), ("steps", "b", "output"): (2, 3)}


@pytest.mark.parametrize(
    ("source", "statuses"),
    [
        ("1 == 1", set()),
        ("always()", {"always"}),
        ("failed() || cancelled()", {"failed", "cancelled"}),
        ("succeeded() && input.x == 1", {"succeeded"}),
        ("[1].all(x, failed())", {"failed"}),
    ],
)
def test_a_program_says_which_status_functions_it_asks(source: str, statuses: set[str]) -> None:
    program = compile_expression(source)

    assert program.status_functions == statuses
    assert program.is_constant == (not statuses)
    assert all(root != "outcome" for root, *_ in program.references)


@pytest.mark.parametrize(
    ("source", "is_path"),
    [
        ("input.a", True),
        ("  input.a  ", True),
        ("(input).a", True),
        ("input.a[0]['b-c']", True),
        ("failed()", True),
        ("input.a + 1", False),
        ("has(input.a)", False),
        ("input.?a", False),
        ("1", False),
    ],
)
def test_a_program_that_is_only_a_path_knows_it(source: str, is_path: bool) -> None:
    assert compile_expression(source).is_path == is_path


@pytest.mark.parametrize(
    ("source", "kinds"),
    [
        ("1", {"number"}),
        ("'a'", {"string"}),
        ("null", {"null"}),
        ("1 > 2", {"bool"}),
        ("[1]", {"list"}),
        ("{}", {"map"}),
        ("input.a", set()),
        ("input.?a", set()),
    ],
)
def test_a_program_knows_the_kind_of_its_result_where_it_can(source: str, kinds: set[str]) -> None:
    assert compile_expression(source).kinds == kinds


def test_a_program_shows_its_source() -> None:
    assert repr(compile_expression("1 + 1")) == "Program('1 + 1')"
