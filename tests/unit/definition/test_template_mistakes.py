"""What is wrong with a template or with its use, told where it can be mended."""

import msgspec
import pytest

from stretto.definition import load
from stretto.definition.limits import (
    MAX_DOCUMENT_BYTES,
    MAX_NODES,
    MAX_PARAMETERS,
    MAX_TEMPLATE_DEPTH,
    MAX_TEXT_CHARS,
    MAX_USES,
)
from stretto.definition.templates import Library, load_template
from tests.unit.definition.templates import CHARGE, ORDER, loaded, mistakes, registered, template

TRIES = CHARGE.replace("max_attempts: 3", 'max_attempts: "${{ params.tries }}0"').replace(
    "  rate:", "  tries: string\n  rate:"
)
THRICE = ORDER.replace("with: {", "with: {tries: x, ")


def used(text: str, step: str) -> list[str]:
    """The mistakes of a definition with one step."""
    return mistakes(f"workflow: order\nsteps:\n  a: {step}\n", text)


def test_a_template_with_too_many_uses_is_refused_by_itself() -> None:
    uses = "".join(f"  s{n}: {{use: charge, with: {{amount: 1}}}}\n" for n in range(MAX_USES + 1))
    found = load_template(f"template: t\nsteps:\n{uses}", "t.yaml", registered(CHARGE))

    assert found.template is None
    assert [mistake.code for mistake in found.mistakes] == ["too_large"]


def test_of_a_value_that_is_only_made_up_nothing_is_said() -> None:
    text = """\
template: t
parameters: {x: string}
steps:
  d:
    decide:
      inputs: {n: input.n}
      hit: first
      rules:
        - {when: {n: 1}, then: 1}
        - {then: "${{ params.x }}"}
output: ${{ steps.d.output }}
"""
    assert [str(m) for m in load_template(text).warnings] == []
    one = "workflow: w\nsteps: {a: {use: t, with: {x: many}}}\n"
    assert [m.code for m in loaded(one, text).warnings if m.code == "uneven"] == ["uneven"]


def of_template(text: str) -> list[str]:
    return [str(m).removeprefix("t.yaml:") for m in load_template(text, "t.yaml").mistakes]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{use: charge}", '3:12: steps.a.use: expected parameter "amount" of template charge@1 '
         "(number), but it is not given; write with: {amount: …}"),
        ("{use: charge, with: {amount: 1, amout: 2}}", "3:38: steps.a.with.amout: expected a "
         'parameter of template charge@1, but "amout" is none; did you mean "amount"?'),
        ("{use: charge, with: {amount: x}}", '3:35: steps.a.with.amount: expected a number, but '
         'got "x", for parameter amount of template charge@1, line 4'),
        ("{use: charge, with: {amount: -1}}", "3:35: steps.a.with.amount: expected at least 0, but "
         "got -1, for parameter amount of template charge@1, line 4"),
        ("{use: charge, with: {amount: 1, tags: {}}}", "3:44: steps.a.with.tags: expected a list, "
         "but got an object, for parameter tags of template charge@1, line 7"),
        ('{use: charge, with: {amount: "n ${{ input.x }}"}}', "3:35: steps.a.with.amount: "
         "expected a value of type number, but got a text, for parameter amount of template "
         "charge@1, line 4"),
        ("{use: charge, with: [1]}", "3:26: steps.a.with: expected the parameters of the template "
         "(a mapping), but got a list"),
        ("{use: charge, with: {amount: 1}, task: t}", '3:39: steps.a.task: expected a step of '
         'one kind, but it has both "use" and "task"; make two steps of it'),
        ("{use: charge, with: {amount: 1}, retry: {}}", '3:39: steps.a.retry: expected "retry" in '
         "a step of kind task or workflow, but this one is of kind steps"),
        ("{use: chrge}", '3:12: steps.a.use: expected a template, but "chrge" is not known; did '
         'you mean "charge"?'),
        ("{use: other@3}", '3:12: steps.a.use: expected a template, but "other@3" is not known; '
         "register it, or give its file beside this one"),
        ("{use: Charge!}", "3:12: steps.a.use: expected a template like name, name@3 or "
         'name@stable, but got "Charge!"'),
        ("{use: [charge]}", "3:12: steps.a.use: expected a template like name, name@3 or "
         "name@stable, but got a list"),
    ],
)  # fmt: skip
def test_a_wrong_use_is_told_where_it_stands(step: str, said: str) -> None:
    assert used(CHARGE, step)[0] == said


def test_what_a_template_makes_of_an_argument_is_told_at_the_argument() -> None:
    text = CHARGE.replace("max_attempts: 3", 'max_attempts: "${{ params.rate }}"')

    (mistake,) = loaded(ORDER.replace("with: {", "with: {rate: 0, "), text).mistakes

    assert (mistake.line, mistake.column, mistake.path) == (6, 18, "steps.bill.with.rate")
    assert mistake.reason == (
        "as parameter rate of template charge@1, line 14: expected a number of attempts from 1 to "
        "1000, but got 0"
    )
    assert mistake.template is None


def test_what_is_wrong_inside_is_told_at_the_use_with_its_place_in_the_template() -> None:
    (mistake,) = loaded(THRICE, TRIES).mistakes

    assert (mistake.line, mistake.column, mistake.path) == (5, 10, "steps.bill.use")
    assert mistake.reason.startswith(
        "in template charge@1, line 15, steps.pay.retry.max_attempts: expected a number of attempts"
    )
    place = mistake.template
    assert place is not None
    assert (place.name, place.line, place.column, place.file) == ("charge@1", 15, 27, "")
    assert place.path == "steps.pay.retry.max_attempts"
    assert msgspec.to_builtins(mistake)["template"]["line"] == 15


def test_a_template_in_a_file_is_told_by_its_file() -> None:
    (mistake,) = load(THRICE, "order.yaml", Library([template(TRIES)])).mistakes

    assert "in template charge, template.yaml:15:27, steps.pay.retry" in mistake.reason
    assert mistake.template is not None
    assert mistake.template.file == "template.yaml"


def test_a_template_in_a_template_tells_the_whole_way() -> None:
    inner = "template: inner\nparameters: {n: integer}\nsteps:\n"
    inner += '  x: {task: t, retry: {max_attempts: "${{ params.n }}"}}\n'
    outer = "template: outer\nparameters: {n: integer}\nsteps:\n"
    outer += '  in: {use: inner, with: {n: "${{ params.n }}"}}\n'
    order = "workflow: order\nsteps:\n  a: {use: outer, with: {n: 0}}\n"

    (mistake,) = loaded(order, inner, outer).mistakes

    assert (mistake.line, mistake.column, mistake.path) == (3, 29, "steps.a.with.n")
    assert mistake.reason.startswith(
        "as parameter n of template outer@1, line 4: as parameter n of template inner@1, line 4: "
        "expected a number of attempts"
    )
    broken = inner.replace('"${{ params.n }}"', '"${{ params.n }} or so"')
    (mistake,) = loaded(order, broken, outer).mistakes
    assert mistake.path == "steps.a.use"
    assert mistake.reason.startswith(
        "in template outer@1, line 4, steps.in.use: in template inner@1, line 4, "
        "steps.x.retry.max_attempts: expected"
    )


@pytest.mark.parametrize(
    ("template_", "value"),
    [
        ("s: {set: {}}\n  t: {task: t, with: {v: '${{ params.x }}'}}", "steps.s.output"),
        ("t: {for_each: [1], task: t, with: {v: '${{ params.x }}'}}", "item.a"),
        ("t: {for_each: [1], task: t, with: {v: '${{ params.x }}'}}", "index"),
        ("r: {repeat: {steps: {t: {task: t, with: {v: '${{ params.x }}'}}}, until: true}}", "loop"),
        ("c: {task: t, catch: [{output: '${{ params.x }}'}]}", "error.message"),
        ("w: {signal: {name: s, where: signal.a == params.x}}", "signal.b"),
        ("s: {set: {}}\n  t: {task: t, with: {v: 'n ${{ params.x }}'}}", 'steps["s"].output'),
        ("s: {set: {}}\n  t: {task: t, with: {v: '${{ params.x + 1 }}'}}", "steps.s.output"),
    ],
)  # fmt: skip
def test_an_argument_never_means_something_inside_the_template(template_: str, value: str) -> None:
    text = f"template: t\nparameters: {{x: {{}}}}\nsteps:\n  {template_}\n"
    step = f"{{use: t, with: {{x: '${{{{ {value} }}}}'}}, for_each: [1]}}"

    said = used(text, step)

    assert any("expected parameter x not to refer to" in line for line in said)


def test_an_argument_may_mean_what_is_around_the_use() -> None:
    text = (
        "template: t\nparameters: {x: {}}\nsteps:\n  t: {task: t, with: {v: '${{ params.x }}'}}\n"
    )
    order = """\
workflow: order
steps:
  s: {set: {a: 1}}
  a: {use: t, with: {x: "${{ steps.s.output.a + item }}"}, for_each: [1, 2]}
output: "${{ steps.a.output }}"
"""
    assert mistakes(order, text) == []


def test_a_template_sees_nothing_around_its_use() -> None:
    text = "template: t\nsteps:\n  t: {task: t, with: {v: '${{ steps.s.output }}'}}\n"

    assert of_template(text)[0].startswith("3:31: steps.t.with.v: expected the name of a step, but")
    assert "item" in of_template(text.replace("steps.s.output", "item"))[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("template: T\nsteps: {a: {task: t}}", "1:11: template: expected the name of a workflow"),
        ("template: t", '1:1: expected a definition to have "steps", but it has not'),
        ("template: t\nstepz: {}\nsteps: {a: {task: t}}", "2:1: stepz: expected a known key"),
        ("template: t\nparameters: [a]\nsteps: {a: {task: t}}",
         "2:13: parameters: expected parameters by name (a mapping), but got a list"),
        ("template: t\nparameters: {a-b: string}\nsteps: {a: {task: t}}",
         '2:14: parameters.a-b: expected the name of a parameter'),
        ("template: t\nparameters: {a: 5}\nsteps: {a: {task: t}}",
         "2:17: parameters.a: expected a parameter (a type, or a JSON Schema), but got the int"),
        ("template: t\nparameters: {a: strng}\nsteps: {a: {task: t}}",
         '2:17: parameters.a.type: expected a type'),
        ("template: t\nparameters: {a: {type: integer, default: x}}\nsteps: {a: {task: t}}",
         '2:42: parameters.a.default: expected an integer, but got "x", for its own default'),
        ("template: t\nparameters: {a: {required: true, default: x}}\nsteps: {a: {task: t}}",
         "2:18: parameters.a.required: expected a parameter to be required or to have a default"),
        ("template: t\nsteps: {a: {task: t, with: {x: '${{ params.b }}'}}}",
         '2:32: steps.a.with.x: expected a parameter of the template, but "b" is none'),
        ("template: t\nparameters: {b: {}}\nsteps: {a: {task: t, with: {x: '${{ params.b1.c }}'}}}",
         '3:32: steps.a.with.x: expected a parameter of the template, but "b1" is none'),
        ("template: t\nparameters: {b: {}}\nsteps: {a: {task: t, with: {x: '${{ params }}'}}}",
         "3:32: steps.a.with.x: expected params.<name>, but got params alone; it has b"),
        ("- a", "1:1: expected a mapping with the keys template and steps, but got a list"),
        ("template: [", "2:1: expected the document to be YAML or JSON"),
        ("template: t\nsteps: {a: {task: t, with: {x: '${{ params.'}}}",
         "2:33: steps.a.with.x: expected"),
        ("template: 5\nsteps: {a: {task: t}}", "1:11: template: expected the name of a workflow"),
        ("template: t\nuse: other\n", '2:6: use: expected a template, but "other" is not known'),
        ("template: t\nsteps: {a: {use: t}}",
         "2:18: steps.a.use: expected templates not to use themselves, but t uses t"),
    ],
)  # fmt: skip
def test_a_wrong_template_is_told(text: str, said: str) -> None:
    assert of_template(text)[0].startswith(said)


def test_a_parameter_that_is_not_used_is_warned_of() -> None:
    found = load_template("template: t\nparameters: {a: string}\nsteps: {a: {task: t}}", "t")

    assert [str(w) for w in found.warnings] == [
        "t:2:17: parameters.a: expected parameter a to be used, but the template does not mention "
        "it"
    ]


def test_a_whole_workflow_is_none_for_a_step() -> None:
    (said,) = used(CHARGE + "on_failure: compensate\n", "{use: charge, with: {amount: 1}}")

    assert "charge@1 is a whole workflow (it has on_failure)" in said


def test_a_definition_is_a_template_or_has_steps() -> None:
    order = "workflow: order\nuse: charge\nwith: {amount: 1}\nsteps: {a: {task: t}}\n"

    assert '4:1: steps: expected a workflow to be a template or to have steps' in mistakes(
        order, CHARGE
    )[0]  # fmt: skip
    assert mistakes("workflow: order\nuse: charge\n", CHARGE)[0].startswith(
        "2:6: use: expected par"
    )


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("'a ${{ input.y }}'", "${{ params.x + 1 }}"),
        ("['${{ input.y }}']", "n ${{ params.x }}"),
        ("{a: '${{ input.y }}'}", "n ${{ params.x }}"),
    ],
)
def test_an_argument_that_cannot_be_inside_is_refused(value: str, place: str) -> None:
    text = f"template: t\nparameters: {{x: {{}}}}\nsteps: {{a: {{set: {{v: '{place}'}}}}}}\n"

    (said,) = used(text, f"{{use: t, with: {{x: {value}}}}}")

    assert "in template t@1, line 3, steps.a.set.v: expected a constant or one whole" in said


def test_an_expression_without_its_end_is_told_once() -> None:
    text = "template: t\nparameters: {x: {}}\nsteps: {a: {set: {v: '${{ params.x }}'}}}\n"

    assert len(used(text, "{use: t, with: {x: '${{ input.y'}}")) == 1
    assert (
        len(used(text.replace("params.x }", "params.x + 1 }"), "{use: t, with: {x: '${{ i'}}")) == 1
    )


def test_templates_that_use_themselves_are_named() -> None:
    plain = template("template: a\nsteps: {x: {task: t}}\n")
    b = template("template: b\nsteps: {x: {use: a}}\n", None, Library([plain]))

    found = load_template("template: a\nsteps: {x: {use: b}}\n", "a.yaml", Library([b]))
    (said,) = [str(m) for m in found.mistakes]
    assert said.startswith("a.yaml:2:18: steps.x.use: in template b, template.yaml:2:18, steps.x")
    assert said.endswith("expected templates not to use themselves, but a uses b uses a")


def test_templates_are_used_within_one_another_up_to_a_limit() -> None:
    library = Library()
    library.add("t0", template("template: t0\nsteps: {x: {task: t}}\n", 1))
    for n in range(1, MAX_TEMPLATE_DEPTH + 1):
        text = f"template: t{n}\nuse: t{n - 1}\n"
        found = load_template(text, "t", library)
        if n == MAX_TEMPLATE_DEPTH:
            assert "expected at most 8 templates inside one another" in str(found.mistakes[0])
            return
        assert found.template is not None, [str(m) for m in found.mistakes]
        library.add(f"t{n}", msgspec.structs.replace(found.template, version=1, file=""))


def test_a_template_with_mistakes_is_not_used() -> None:
    broken = msgspec.structs.replace(template(CHARGE), broken=True)

    (said,) = [str(m) for m in load(ORDER, "o", Library([broken])).mistakes]

    assert said.endswith("expected a template without mistakes, but charge has some")


def test_what_templates_make_is_bounded() -> None:
    wide = "template: w\nsteps:\n" + "".join(f"  s{n}: {{task: t}}\n" for n in range(2_000))
    many = "".join(f"  s{n}: {{use: w}}\n" for n in range(40))
    (said,) = mistakes(f"workflow: order\nsteps:\n{many}", wide)
    assert f"expected at most {MAX_NODES} values, templates written out" in said

    one = "template: w\nsteps: {s: {task: t}}\n"
    uses = "".join(f"  s{n}: {{use: w}}\n" for n in range(MAX_USES + 1))
    (said,) = mistakes(f"workflow: order\nsteps:\n{uses}", one)
    assert f"expected at most {MAX_USES} uses of templates" in said

    deep = "template: w\nparameters: {x: {}}\nsteps: {s: {set: {v: " + "[" * 40
    deep += "'${{ params.x }}'" + "]" * 40 + "}}}\n"
    value = "[" * 40 + "1" + "]" * 40
    (said,) = mistakes(f"workflow: order\nsteps: {{a: {{use: w, with: {{x: {value}}}}}}}\n", deep)
    assert "nested at most 64 deep, templates written out" in said

    text = "template: w\nparameters: {x: string}\nsteps: {s: {set: {v: '" + "${{ params.x }}!" * 9
    text += "'}}}\n"
    long = "x" * (MAX_TEXT_CHARS // 8)
    (said,) = mistakes(f"workflow: order\nsteps: {{a: {{use: w, with: {{x: {long}}}}}}}\n", text)
    assert f"expected a string of at most {MAX_TEXT_CHARS} characters, but its parameters" in said

    (said,) = of_template(
        "template: w\nparameters: {"
        + ", ".join(f"p{n}: {{}}" for n in range(MAX_PARAMETERS + 1))
        + "}\nsteps: {a: {task: t}}\n"
    )
    assert f"expected at most {MAX_PARAMETERS} parameters" in said

    large = f"template: w\nsteps: {{s: {{set: {{v: {'x' * 60_000}}}}}}}\n"
    twenty = "".join(f"  s{n}: {{use: w}}\n" for n in range(20))
    (said,) = mistakes(f"workflow: order\nsteps:\n{twenty}", large)
    assert f"expected a document of at most {MAX_DOCUMENT_BYTES} bytes, templates written" in said


def test_a_template_is_no_larger_filled_than_a_document_may_be() -> None:
    lots = "[" + ", ".join("1" for _ in range(20_000)) + "]"
    places = ", ".join(f"v{n}: '${{{{ params.x }}}}'" for n in range(10))
    text = (
        f"template: t\nparameters: {{x: {{default: {lots}}}}}\nsteps: {{a: {{set: {{{places}}}}}}}"
    )

    assert "templates written out, but got more" in of_template(text)[0]


def test_warnings_that_depend_on_arguments_are_not_given() -> None:
    text = (
        "template: t\nparameters: {x: boolean}\nsteps: {a: {task: t, if: params.x}, b: {task: u}}\n"
    )
    order = (
        "workflow: order\nsteps: {g: {use: t, with: {x: false}}}\noutput: '${{ steps.g.output }}'\n"
    )

    assert [str(w) for w in loaded(order, text).warnings] == []
    assert load_template(text.replace("{x: boolean}", "{x: {default: false}}")).warnings == []


def test_parts_of_a_definition_that_are_no_steps_are_left_alone() -> None:
    for odd in (
        "use: 5",
        "steps: 5\nuse: [1]",
        "steps: [1]",
        "steps: {a: 5, b: {repeat: 5, use: t}}",
        "steps: {a: {task: t, catch: [5]}, u: {use: t}}",
        "steps: {a: {task: t, catch: 5}}",
    ):
        assert load(f"workflow: order\n{odd}\n# use", "o", registered()).mistakes
