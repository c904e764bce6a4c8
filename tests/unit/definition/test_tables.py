"""Decision tables in definitions: what is read, what is refused, what is warned of."""

# ruff: noqa: E501 - a case a line

from typing import Any

import msgspec
import pytest

from services.testing.world import World
from stretto.contracts.asks import AskPlan
from stretto.contracts.codec import decode_ask_plan
from stretto.definition import compile_graph, load
from stretto.definition.loading import Loaded
from stretto.table.limits import MAX_RULES

HEAD = """\
workflow: w
input:
  type: object
  properties:
    n: {type: integer, minimum: 0, maximum: 9}
    x: {type: number}
    t: {type: [string, "null"]}
    e: {enum: [a, b]}
    b: {type: boolean}
    any: {}
steps:
  d:
    decide:
"""


def loaded(table: str, tail: str = "output: ${{ steps.d.output }}\n") -> Loaded:
    body = "".join(f"      {line}\n" for line in table.strip().splitlines())
    return load(HEAD + body + tail, "f")


def plan(table: str) -> AskPlan:
    found = loaded(table)
    assert found.definition is not None, [str(m) for m in found.mistakes]
    ask = compile_graph(found.definition, 1).root.steps[0].ask
    assert ask is not None
    return decode_ask_plan(ask.plan)


def mistakes(table: str) -> list[str]:
    return [_said(each) for each in loaded(table).mistakes]


def warnings(table: str) -> list[str]:
    found = loaded(table)
    assert not found.mistakes, [str(m) for m in found.mistakes]
    return [_said(each) for each in found.warnings]


def _said(mistake: Any) -> str:
    path = mistake.path.removeprefix("steps.d.decide").lstrip(".")
    return f"{mistake.code} {path}: {mistake.reason}"


def test_a_table_becomes_a_plan() -> None:
    found = plan(
        """
inputs:
  n: ${{ input.n }}
  other: {value: input.any, type: string}
  listed: {value: input.any, values: [1, 2.5]}
hit: first
rules:
  - when: {n: 3, other: [a, "b, c"], listed: true}
    then: {v: "${{ inputs.n + 1 }}"}
    priority: 2
  - {when: {n: "-", other: "${{ value != input.t }}"}, then: 1}
  - {then: null}
otherwise: none
""".replace("listed: true", "listed: 2.5")
    )

    assert found.paths == (("input",),)
    assert found.table is not None
    assert [(c.name, c.expression, c.type) for c in found.table.inputs] == [
        ("n", "input.n", "integer"),
        ("other", "input.any", "string"),
        ("listed", "input.any", "number"),
    ]
    assert [rule.when for rule in found.table.rules] == [
        {"n": "3", "other": "a, b, c", "listed": "2.5"},
        {"other": "${{ value != input.t }}"},
        {},
    ]
    assert [bytes(rule.then) for rule in found.table.rules] == [
        b'{"v":"${{ inputs.n + 1 }}"}', b"1", b"null",
    ]  # fmt: skip
    assert (found.table.hit, bytes(found.table.otherwise)) == ("first", b'"none"')


@pytest.mark.parametrize(
    ("hit", "otherwise"),
    [("first", None), ("collect", []), ("collect sum", 0), ("collect count", 0),
     ("collect min", None)],
)  # fmt: skip
def test_without_otherwise_it_gives_what_nothing_is(hit: str, otherwise: Any) -> None:
    found = plan(f"inputs: {{n: input.n}}\nhit: {hit}\nrules: [{{when: {{n: 1}}, then: 1}}]")

    assert found.table is not None
    assert msgspec.json.decode(found.table.otherwise) == otherwise


WRONG = [
    ("inputs: {n: input.n}\nrules: []", ["wrong_type rules: expected a rule at least, but got an empty list"]),
    ("inputs: {}\nrules: [{then: 1}]", ["wrong_type inputs: expected an input at least, but got an empty mapping"]),
    ("rules: [{then: 1}]", ['missing : expected a decision table (a mapping of inputs and rules) to have "inputs", but it has not']),
    ("inputs: {n: input.n}\nrules: [{when: {n: 1}}]", ['missing rules[0]: expected a rule (a mapping of when and then) to have "then", but it has not']),
    ("inputs: {n: input.n}\nrules: [{when: {m: 1}, then: 1}]", ['unknown_key rules[0].when.m: expected the name of an input of the table, but "m" is none']),
    ("inputs: {n: input.n}\nrules: [{when: {n: }, then: 1}]", ["wrong_type rules[0].when.n: expected a condition like < 10, but got nothing"]),
    ("inputs: {n: input.n}\nrules: [{when: {n: {a: 1}}, then: 1}]", ["wrong_type rules[0].when.n: expected a condition like < 10, but got a mapping"]),
    ("inputs: {n: input.n}\nrules: [{when: {n: []}, then: 1}]", ["wrong_type rules[0].when.n: expected a condition like < 10, but got an empty list"]),
    ("inputs: {n: input.n}\nrules: [{when: {n: abc}, then: 1}]", ["condition rules[0].when.n: expected a value of type integer, but got `abc`"]),
    ("inputs: {b: input.b}\nrules: [{when: {b: \"< 3\"}, then: 1}]", ["condition rules[0].when.b: expected a value of type boolean, but got `3`"]),
    ("inputs: {n: 5}\nrules: [{then: 1}]", ["wrong_type inputs.n: expected an expression like ${{ input.total }}, but got the integer 5"]),
    ("inputs: {n: {value: input.n, values: 3}}\nrules: [{then: 1}]", ["wrong_type inputs.n.values: expected a list of 1 to 1000 values, but got the integer 3"]),
    ("inputs: {n: {value: input.n, values: []}}\nrules: [{then: 1}]", ["wrong_type inputs.n.values: expected a list of 1 to 1000 values, but got an empty list"]),
    ("inputs: {n: {value: input.n, values: [1, [2]]}}\nrules: [{then: 1}]", ["wrong_type inputs.n.values[1]: expected a text, number, boolean or null, but got a list"]),
    ("inputs: {n: 'input.', b: input.b}\nrules: [{when: {n: '< 3', b: true}, then: 1}, {when: {b: false}, then: 2}]", ["expression inputs.n: "]),
    ("inputs: {n: input.n}\nhit: last\nrules: [{then: 1}]", ["bad_value hit: expected a hit policy (unique or first or priority or any or collect or collect sum or collect min or collect max or collect count), but got \"last\""]),
    ("inputs: {n: input.n}\nrules: [{when: {n: '${{ value + }}'}, then: 1}]", ["expression rules[0].when.n: "]),
    ("inputs: {n: input.n}\nrules: [{when: {n: '${{ value + 1 }}'}, then: 1}]", ["expression rules[0].when.n: expected a bool, but this gives a number"]),
    ("inputs: {n: input.n}\nrules: [{when: {n: '${{ inputs.m == 1 }}'}, then: 1}]", ["expression rules[0].when.n: "]),
    ("inputs: {n: inputs.x}\nrules: [{then: 1}]", ["not_known_here inputs.n: expected a name that is known here, but inputs is known only in the rules of a decision table"]),
    ("inputs: {n: input.n}\nrules: [{then: '${{ value }}'}]", ["not_known_here rules[0].then: expected a name that is known here, but value is known only in the conditions of a decision table"]),
    ("inputs: {n: steps.nobody.output}\nrules: [{then: 1}]", ['unknown_step inputs.n: expected the name of a step, but "nobody" is none']),
    ("inputs: {n: {value: input.n, type: string}}\nrules: [{then: 1}]", ["wrong_type inputs.n.value: expected a type that the input can be of, but by the schema it never is"]),
    ("inputs: {n: input.n}\nhit: collect sum\nrules: [{then: a}]", ['wrong_type rules[0].then: expected a number or a mapping of numbers (hit: collect sum), but it is "a"']),
    ("inputs: {n: input.n}\nrules: [{then: 1}, {when: {n: 3}, then: 2}]", ["overlap rules[1]: expected at most one rule to fit (hit: unique), but rules[0] and rules[1] both fit n = 3"]),
    ("inputs: {n: input.n}\nhit: any\nrules: [{then: 1}, {when: {n: 3}, then: 2}]", ["overlap rules[1]: expected rules that fit together to give the same (hit: any), but rules[0] and rules[1] both fit n = 3"]),
]  # fmt: skip


@pytest.mark.parametrize(("table", "said"), WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_with_a_table_is_told_with_its_place(table: str, said: list[str]) -> None:
    found = mistakes(table)

    assert len(found) == len(said), found
    for line, expected in zip(found, said, strict=True):
        assert line.startswith(expected)


SUSPICIOUS = [
    ("inputs: {n: input.n}\nrules: [{when: {n: '< 9'}, then: 1}]", ["gap rules: expected a rule that fits n = 9, but none does"]),
    ("inputs: {n: input.n}\nrules: [{when: {n: '<= 5'}, then: 1}, {when: {n: '>= 6'}, then: 2}]", []),
    ("inputs: {x: input.x}\nrules: [{when: {x: '<= 5'}, then: 1}, {when: {x: '>= 6'}, then: 2}]", ["gap rules: expected a rule that fits x = 5.5, but none does"]),
    ("inputs: {t: input.t}\nrules: [{when: {t: a}, then: 1}, {when: {t: 'not(a, null)'}, then: 2}]", ["gap rules: expected a rule that fits t = null, but none does"]),
    ("inputs: {b: input.b}\nrules: [{when: {b: true}, then: 1}, {when: {b: false}, then: 2}]", []),
    ("inputs: {e: input.e, b: input.b}\nrules: [{when: {e: a}, then: 1}, {when: {e: b, b: true}, then: 2}]", ['gap rules: expected a rule that fits e = "b", b = false, but none does']),
    ("inputs: {e: input.e}\nrules: [{when: {e: a}, then: 1}]\notherwise: 3", []),
    ("inputs: {e: input.e}\nhit: collect\nrules: [{when: {e: a}, then: 1}]", []),
    ("inputs: {e: input.e}\nrules: [{when: {e: 'a, c'}, then: 1}, {when: {e: c}, then: 2}]\notherwise: 1", ["never_true rules[1].when.e: expected a condition that a value of e can fit, but none does"]),
    ("inputs: {n: input.n}\nhit: first\nrules: [{when: {n: '< 5'}, then: 1}, {when: {n: '>= 5'}, then: 1}, {when: {n: '[3..7]'}, then: 1}]", ["never_runs rules[2]: expected a rule that can count, but rules before it take all that it fits"]),
    ("inputs: {n: input.n}\nhit: priority\nrules: [{when: {n: 3}, then: 1}, {then: 2, priority: 1}]", ["never_runs rules[0]: expected a rule that can count, but rules of higher priority take all that it fits"]),
    ("inputs: {n: input.n}\nhit: priority\nrules: [{when: {n: 3}, then: 1}, {then: 2}]", ["overlap rules[1]: expected rules that fit together to have different priorities, but rules[0] and rules[1] both fit n = 3"]),
    ("inputs: {n: input.n}\nrules: [{when: {n: '${{ value > 3 }}'}, then: 1}, {when: {n: '<= 3'}, then: 1}]", [
        "gap rules: expected a rule that fits n = 6, but only rules with expressions may fit",
        "not_checked rules: expected to check every rule for overlaps, but the conditions of 1 are expressions",
    ]),
    ("inputs: {n: 'size(input.any)'}\nrules: [{when: {n: '< 3'}, then: 1}, {when: {n: '> 3'}, then: 1}]", ["gap rules: expected a rule that fits n = 3, but none does"]),
    ("inputs: {n: input.n}\nrules: [{when: {n: '< 5'}, then: true}, {when: {n: '>= 5'}, then: [1]}]", ["uneven rules[1].then: expected every rule to give the same fields, but this one gives a list and rules[0] gives a boolean"]),
    ("inputs: {n: input.n}\nrules: [{when: {n: '< 5'}, then: {a: 1}}, {when: {n: '>= 5'}, then: {b: 1}}]", ["uneven rules[1].then: expected every rule to give the same fields, but this one gives b and rules[0] gives a"]),
]  # fmt: skip


@pytest.mark.parametrize(("table", "said"), SUSPICIOUS, ids=range(len(SUSPICIOUS)))
def test_what_is_surely_not_meant_is_warned_of_with_an_example(table: str, said: list[str]) -> None:
    assert warnings(table) == said


def test_a_table_too_large_to_be_checked_whole_says_so() -> None:
    inputs = ", ".join(f"i{n}: input.any" for n in range(8))
    rules = "\n".join(
        "  - {when: {"
        + ", ".join(f"i{c}: {(n * 7 + c * c) % 23}" for c in range(8))
        + "}, then: 1}"
        for n in range(400)
    )
    table = f"inputs: {{{inputs}}}\nhit: first\nrules:\n{rules}\notherwise: 0"

    found = warnings(table)

    assert all(line.startswith(("not_checked", "never_runs")) for line in found)


def test_what_was_not_looked_at_to_the_end_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stretto.table.check.MAX_CHECK_NODES", 1)

    found = warnings("inputs: {n: input.n, b: input.b}\nrules: [{when: {n: 1, b: true}, then: 1}]")

    assert found == [
        "not_checked rules: expected to check the whole table, but it is too large to look for "
        "gaps to the end",
    ]


def test_too_many_rules_are_refused() -> None:
    rules = "".join("  - {then: 1}\n" for _ in range(MAX_RULES + 1))

    [found] = mistakes(f"inputs: {{n: input.n}}\nhit: first\nrules:\n{rules}")

    assert found.startswith("too_large rules: ")


def test_a_step_that_an_input_or_rule_refers_to_is_needed_before() -> None:
    tail = "  a: {task: t}\n  b: {task: t}\n  c: {task: t}\noutput: ${{ steps.d.output }}\n"
    table = """
inputs: {x: steps.a.output.x}
rules:
  - {when: {x: "${{ value > steps.b.output.y }}"}, then: "${{ steps.c.output }}"}
otherwise: 0
"""
    found = loaded(table, tail)

    assert found.definition is not None
    assert compile_graph(found.definition, 1).root.steps[0].needs == (1, 2, 3)


def test_a_table_can_be_undone_caught_and_done_for_each_item() -> None:
    world = World("""\
workflow: w
steps:
  each:
    for_each: [1, 20, 300]
    decide:
      inputs: {size: {value: item, type: integer}}
      rules:
        - {when: {size: "< 10"}, then: s}
        - {when: {size: "[10..100)"}, then: m}
      otherwise: "l ${{ item }}"
  caught:
    decide:
      inputs: {gone: run.labels.nothing}
      rules: [{when: {gone: x}, then: 1}]
      otherwise: 2
    catch:
      - on: ExpressionError
        output: ${{ error.type }}
output: [ "${{ steps.each.output }}", "${{ steps.caught.output }}" ]
""")

    run = world.start()

    assert run.status == "completed", run.failure
    assert run.output == [["s", "m", "l 300"], "ExpressionError"]


@pytest.mark.parametrize(
    ("table", "refused"),
    [
        ("rules: [{when: {n: 1}, then: {a: 1}}]\notherwise: {b: 2}", True),
        ("rules: [{when: {n: 1}, then: {c: 1}}]\notherwise: {b: 2}", False),
        ("rules: [{when: {n: 1}, then: {a: 1}}]\notherwise: ${{ input.any }}", False),
        ("hit: collect\nrules: [{then: {a: 1}}]", False),
        ("hit: collect sum\nrules: [{then: {a: 1}}]", True),
    ],
)
def test_a_field_that_no_rule_gives_is_refused_where_it_is_read(table: str, refused: bool) -> None:
    found = loaded(f"inputs: {{n: input.n}}\n{table}", "output: ${{ steps.d.output.c }}\n")

    said = [each.reason for each in found.mistakes]
    assert bool(said) == refused, said
    if refused:
        assert said[0].startswith('expected a field that "d" gives (a')
        assert said[0].endswith('but "c" is none')
