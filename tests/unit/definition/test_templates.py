"""Templates: what is written out is what somebody would have written."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stretto.contracts.versions import VersionRef, parse_ref
from stretto.definition import canonical, compile_graph, load
from stretto.definition.templates import Library, load_template, outline
from stretto.definition.templates.splicing import mentions, roots_of
from tests.unit.definition.templates import CHARGE, ORDER, loaded, mistakes, registered, template

encode = msgspec.json.encode


def expanded(text: str, *templates: str) -> Any:
    """The document with its templates written out."""
    found = loaded(text, *templates)
    assert [str(m) for m in found.mistakes] == []
    assert found.definition is not None
    return json.loads(canonical(found.definition))


def one(body: str, value: str, declared: str = "{}") -> Any:
    """What becomes of a template of one `set`, used with one parameter `x`."""
    text = f"template: t\nparameters: {{x: {declared}}}\nsteps:\n  s:\n    set:\n      v: {body}\n"
    order = f"workflow: order\nsteps:\n  a:\n    use: t\n    with: {{x: {value}}}\n"
    return expanded(order, text)["steps"]["a"]["steps"]["s"]["set"]["v"]


def test_a_step_becomes_a_group_of_the_templates_steps() -> None:
    document = expanded(ORDER, CHARGE)

    assert document["steps"]["bill"] == {
        "steps": {
            "pay": {
                "task": "payment.charge",
                "with": {"amount": "${{ input.total }}", "tags": ["a", "b"], "note": None},
                "retry": {"max_attempts": 3},
            },
            "log": {
                "if": "true && steps.pay.output.ok",
                "task": "std.log",
                "with": {"message": "EUR x ${{ double((input.total)) * 2.0 }}"},
            },
        },
        "output": {"id": "${{ steps.pay.output.id }}"},
    }


def test_what_is_written_out_is_the_same_definition() -> None:
    used = loaded(ORDER, CHARGE).definition
    assert used is not None
    written = load(json.dumps(used.document.data)).definition

    assert written is not None
    assert canonical(written) == canonical(used)
    assert encode(compile_graph(written, 1)) == encode(compile_graph(used, 1))
    assert (used.uses, written.uses) == (("charge@1",), ())


def test_a_definition_may_be_a_template_with_its_parameters() -> None:
    whole = (
        CHARGE + "timeout: 1h\nlabels: {team: '${{ params.currency }}'}\non_failure: compensate\n"
    )
    order = "workflow: order\nuse: charge\nwith: {amount: 3, currency: USD}\ntimeout: 2h\n"

    document = expanded(order, whole)

    assert set(document["steps"]) == {"pay", "log"}
    assert document["workflow"] == "order"
    assert document["timeout"] == "2h"
    assert document["labels"] == {"team": "USD"}
    assert document["on_failure"] == "compensate"


INNER = "template: inner\nparameters: {x: }\nsteps: {a: {task: t, with: {x: '${{ params.x }}'}}}\n"
OUTER = """\
template: outer
parameters: {y: string}
use: inner
with: {x: "${{ params.y }}!"}
output: ${{ steps.a.output }}
"""


def test_a_step_may_use_a_template_that_is_another_one_with_its_parameters() -> None:
    library = registered(INNER)
    library.add("outer", template(OUTER, 1, library))
    found = load("workflow: w\nsteps: {s: {use: outer, with: {y: b}, timeout: 3s}}\n", "w", library)

    assert [str(m) for m in found.mistakes] == []
    assert found.definition is not None
    assert json.loads(canonical(found.definition))["steps"]["s"] == {
        "timeout": "3s",
        "steps": {"a": {"task": "t", "with": {"x": "b!"}}},
        "output": "${{ steps.a.output }}",
    }
    assert found.definition.uses == ("outer@1", "inner@1")


def test_a_parameter_of_which_nothing_is_said_takes_any_value() -> None:
    for value in (3, "text", [1, {"a": None}]):
        use = json.dumps({"use": "inner", "with": {"x": value}})
        made = expanded(f"workflow: w\nsteps: {{s: {use}}}\n", INNER)
        assert made["steps"]["s"]["steps"]["a"]["with"]["x"] == value


@pytest.mark.parametrize(
    ("source", "roots"),
    [
        ("steps.a.output + steps['b'].output.c", ["steps.a", "steps.b"]),
        ("steps[x] + y.steps.z", ["x", "y"]),
        ("size(steps) > 1", ["size"]),
    ],
)
def test_what_an_expression_refers_to_is_found(source: str, roots: list[str]) -> None:
    assert list(roots_of(source)) == roots


def test_a_step_keeps_its_own_fields() -> None:
    step = "{use: charge, with: {amount: 1}, for_each: [1, 2], if: input.x, output: 1, timeout: 1m}"
    order = f"workflow: order\nsteps:\n  a: {step}\n"

    made = expanded(order, CHARGE + "timeout: 5m\n")["steps"]["a"]

    assert (made["for_each"], made["if"], made["output"], made["timeout"]) == (
        [1, 2],
        "input.x",
        1,
        "1m",
    )
    assert "with" not in made


@pytest.mark.parametrize(
    ("body", "value", "made"),
    [
        ("${{ params.x }}", "5", 5),
        ("'${{ params.x }}'", "{a: [1, true, null]}", {"a": [1, True, None]}),
        ("'${{ params.x }}'", "'${{ input.y }}'", "${{ input.y }}"),
        ("'${{ params.x.a[1] }}'", "{a: [1, 2]}", 2),
        ('${{ params["x"].a }}', "{a: 7}", 7),
        ("'n ${{ params.x }}'", "5", "n 5"),
        ("'n ${{ params.x }}'", "{a: 1}", 'n {"a":1}'),
        ("'n ${{ params.x }}'", "'${{ input.y }}'", "n ${{ input.y }}"),
        ("'n ${{ params.x }}'", "'a ${{ input.y }}'", "n a ${{ input.y }}"),
        ("${{ params.x + input.y }}", "-2", "${{ (-2) + input.y }}"),
        ("${{ params.x + input.y }}", "0.5", "${{ 0.5 + input.y }}"),
        ("'${{ input.y[params.x] }}'", '"a\\"b"', '${{ input.y["a\\"b"] }}'),
        ("'${{ params.x == input.y }}'", "null", "${{ null == input.y }}"),
        ("'${{ params.x || input.y }}'", "true", "${{ true || input.y }}"),
        ("'${{ input.y in params.x }}'", "[1, b]", '${{ input.y in [1, "b"] }}'),
        (
            "'${{ params.x == input.y }}'", "{a: '${{ input.z }}'}",
            '${{ {"a": (input.z)} == input.y }}',
        ),
        (
            "'${{ params.x + input.y }}'", "'${{ input.z // z\n }}'",
            "${{ (input.z // z\n) + input.y }}",
        ),
        ("'${{ params.x + input.y }}'", "'a $${{ b'", '${{ "a ${{ b" + input.y }}'),
        ("'${{ params.x.startsWith(input.y) }}'", "abc", '${{ "abc".startsWith(input.y) }}'),
        ("'${{ has(params.x.b) }}'", "{a: 1}", '${{ has({"a": 1}.b) }}'),
        ("'${{ \"params.x\" + input.y.params.x }}'", "1", '${{ "params.x" + input.y.params.x }}'),
        ("'$${{ params.x }}'", "1", "$${{ params.x }}"),
    ],
)  # fmt: skip
def test_a_parameter_is_put_in_as_what_it_is(body: str, value: str, made: Any) -> None:
    assert one(body, value) == made


def test_integers_of_a_number_are_floating_point_in_expressions() -> None:
    assert one("'${{ params.x * input.y }}'", "5", "number") == "${{ 5.0 * input.y }}"
    assert one("'${{ params.x }}'", "5", "number") == 5
    assert one("'${{ params.x * input.y }}'", "5", "integer") == "${{ 5 * input.y }}"


def test_conditions_may_leave_the_braces_out() -> None:
    text = """\
template: t
parameters: {many: {}, stop: {}, kind: string}
steps:
  each: {for_each: params.many, task: a, with: {if: params.many}}
  loop: {repeat: {steps: {s: {set: {}}}, until: params.stop || loop.index > 3}}
  choose: {switch: [{if: params.stop, then: each}]}
  hear: {signal: {name: "${{ params.kind }}", where: signal.kind == params.kind}}
"""
    values = "{many: '${{ input.many }}', stop: true, kind: go}"
    steps = expanded(f"workflow: w\nsteps: {{a: {{use: t, with: {values}}}}}", text)["steps"]["a"]

    made = steps["steps"]
    assert made["each"]["for_each"] == "${{ input.many }}"
    assert made["each"]["with"] == {"if": "params.many"}
    assert made["loop"]["repeat"]["until"] == "true || loop.index > 3"
    assert made["choose"]["switch"][0]["if"] is True
    assert made["hear"]["signal"] == {"name": "go", "where": 'signal.kind == "go"'}


def test_templates_use_templates_at_the_versions_they_were_registered_with() -> None:
    inner_1 = template("template: inner\nsteps: {a: {task: one}}\n", 1)
    inner_2 = template("template: inner\nsteps: {a: {task: two}}\n", 2)
    library = Library()
    library.add("inner", inner_2)
    library.add("inner@1", inner_1)
    outer = "template: outer\nparameters: {n: integer}\nsteps:\n  in: {use: inner}\n"
    made = template(outer, 1, library, pins={"inner": 1})
    library.add("outer", made)

    text = "workflow: w\nsteps: {o: {use: outer, with: {n: 1}}, i: {use: inner}}"
    definition = load(text, "w", library).definition

    assert definition is not None
    assert definition.uses == ("outer@1", "inner@1", "inner@2")
    steps = json.loads(canonical(definition))["steps"]
    assert steps["o"]["steps"]["in"]["steps"]["a"]["task"] == "one"
    assert steps["i"]["steps"]["a"]["task"] == "two"


def test_a_use_inside_groups_rounds_and_handlers_is_written_out() -> None:
    text = "template: t\nsteps: {x: {task: t}}\n"
    order = """\
workflow: order
steps:
  g: {steps: {u: {use: t}}}
  r: {repeat: {steps: {u: {use: t}}, until: true}}
  c: {task: t, catch: [{on: A, steps: {u: {use: t}}}, {output: 1}]}
"""
    steps = expanded(order, text)["steps"]

    inside = {"u": {"steps": {"x": {"task": "t"}}}}
    assert steps["g"]["steps"] == inside
    assert steps["r"]["repeat"]["steps"] == inside
    assert steps["c"]["catch"][0]["steps"] == inside


def test_a_file_beside_stands_for_every_version() -> None:
    library = Library([template(CHARGE)])

    for reference in ("charge", "charge@7", "charge@stable"):
        text = ORDER.replace("use: charge", f"use: {reference}")
        found = load(text, "order.yaml", library).definition
        assert found is not None
        assert found.uses == ("charge",)


def test_what_is_not_used_is_not_touched() -> None:
    plain = "workflow: w\nsteps: {use: {task: t, with: {use: charge}}}\n"

    assert expanded(plain)["steps"] == {"use": {"task": "t", "with": {"use": "charge"}}}


def test_a_list_of_templates_tells_their_parameters() -> None:
    told = template(CHARGE).summary()

    assert told[0] == {
        "name": "amount", "required": True, "type": "number", "minimum": 0,
        "description": "How much.",
    }  # fmt: skip
    assert told[1]["default"] == "EUR"
    assert told[4] == {"name": "note", "required": False, "type": "string"}


@pytest.mark.parametrize(
    ("text", "kind", "name", "uses"),
    [
        (ORDER, "workflow", "order", ("charge",)),
        (CHARGE, "template", "charge", ()),
        ("label: stable\nworkflow: order\nversion: 2\n", "label", "stable", ()),
        ('{"template": "t", "steps": {"a": {"use": "b@1"}}}', "template", "t", ("b@1",)),
        ("workflow: order\nsteps: {a: {task: b}}", "workflow", "", ()),
        ("use: [", "workflow", "", ()),
        ("- use: a\n", "workflow", "", ()),
        ("template: 5\nsteps: {}", "template", "", ()),
    ],
)
def test_a_text_tells_what_it_is(text: str, kind: str, name: str, uses: tuple[str, ...]) -> None:
    assert outline(text) == (kind, name, uses)


def test_references_are_names_with_versions() -> None:
    assert parse_ref("a") == VersionRef("a")
    assert parse_ref("a@latest") == VersionRef("a")
    assert parse_ref("a@12") == VersionRef("a", version=12)
    assert parse_ref("a@stable") == VersionRef("a", label="stable")
    assert [str(VersionRef("a", *v)) for v in ((), (2,), (None, "s"))] == ["a", "a@2", "a@s"]
    for wrong in ("", "A", "a@", "a@0", "a@-1", "a@2147483648", "a@S", "a@b@c", "a@1x"):
        with pytest.raises(ValueError, match="expected a"):
            parse_ref(wrong)


def test_a_library_tells_what_is_still_wanted() -> None:
    library = registered(CHARGE)
    library.missing["gone@9"] = "version 9 is not registered"

    wanted = library.wanted(["charge", "charge@2", "other", "gone@9", "BAD", "p"], {"p": 4})

    assert wanted == ["charge@2", "other", "p@4"]
    assert library.names() == ["charge"]


def test_a_template_alone_is_checked_with_made_up_values() -> None:
    text = """\
template: t
parameters:
  task: string
  wait: {type: string, examples: [5m]}
  where: {type: object}
  many: {type: array, enum: [[1, {a: 2}]]}
  always: {const: true}
  least: integer
steps:
  a: {task: "${{ params.task }} !", timeout: "${{ params.wait }}"}
  b: {switch: [{if: params.always, then: "${{ params.task }}"}]}
  c: {for_each: "${{ params.many }}", join: {at_least: "${{ params.least }}"}, set: {}}
  d: {set: {w: "${{ params.where.x }}"}}
"""
    found = load_template(text)

    assert [str(m) for m in (*found.mistakes, *found.warnings)] == []
    assert found.template is not None
    assert msgspec.json.encode(found.template.summary())


def test_mistakes_in_an_expansion_hide_nothing_else() -> None:
    text = ORDER.replace("use: charge", "use: chrge").replace("carrier.ship", "5")

    assert len(mistakes(text.replace("task: 5", "task: [5]"), CHARGE)) == 2


LANGUAGE = (Path(__file__).resolve().parents[3] / "docs" / "language.md").read_text()


def test_the_example_of_the_language_reference_is_true() -> None:
    (text,) = re.findall(r"```yaml template\n(.*?)```", LANGUAGE, re.DOTALL)
    (order,) = re.findall(r"```yaml uses\n(.*?)```", LANGUAGE, re.DOTALL)
    found = load_template(text)

    assert [str(m) for m in (*found.mistakes, *found.warnings)] == []
    assert set(expanded(order, text)["steps"]["bill"]["steps"]) == {"pay", "note"}


@pytest.mark.parametrize(
    ("source", "selected"),
    [
        ("params.a.b[0] + params['c'].d", [["a", "b", 0], ["c", "d"]]),
        ("params.a[1.5]", [["a"]]),
        ("params.a[1u]", [["a"]]),
        ("params.a[x]", [["a"]]),
        ("params.a.size() + x.params.b", [["a"]]),
        ("'params.a' + r\"params.b\" // params.c", []),
        ("params", [[]]),
    ],
)
def test_parameters_are_found_in_expressions(source: str, selected: list[list[object]]) -> None:
    found = [[key for key, _ in mention.selected] for mention in mentions(source)]

    assert found == selected
