"""What is not wrong, but surely not meant."""

import pytest

from stretto.definition import load


def warnings_of(text: str) -> list[str]:
    loaded = load("workflow: w\n" + text, "f")
    assert loaded.definition is not None, [str(mistake) for mistake in loaded.mistakes]
    return [str(warning) for warning in loaded.warnings]


def test_an_ordinary_definition_has_none() -> None:
    assert warnings_of("steps: {a: {task: t}, b: {task: t, needs: a, if: input.x}}\n") == []


@pytest.mark.parametrize("condition", ["false", "${{ false }}", "1 > 2", "'a' == 'b'"])
def test_a_step_whose_condition_is_never_true_never_runs(condition: str) -> None:
    assert warnings_of(f'steps:\n  a:\n    task: t\n    if: "{condition}"\n') == [
        "f:5:9: steps.a.if: expected a condition that can be true, but this one never is: "
        "the step never runs"
    ]


def test_what_needs_a_step_that_never_runs_does_not_run_either() -> None:
    said = warnings_of(
        "steps:\n"
        "  c: {task: t, needs: b}\n"
        "  b: {task: t, needs: a}\n"
        "  a: {task: t, if: false}\n"
        "  d: {task: t, needs: a, if: always()}\n"
        "  e: {task: t, needs: d}\n"
    )

    assert said == [
        'f:3:6: steps.c: expected a step that can run, but it needs "b", which never runs',
        'f:4:6: steps.b: expected a step that can run, but it needs "a", which never runs',
        "f:5:20: steps.a.if: expected a condition that can be true, but this one never is: "
        "the step never runs",
    ]


def test_cases_after_one_that_always_fits_are_never_chosen() -> None:
    said = warnings_of(
        "steps:\n"
        "  s:\n"
        "    switch:\n"
        "      - {if: false, then: a}\n"
        "      - {if: true, then: b}\n"
        "      - {if: input.x, then: [a, b]}\n"
        "      - {else: c}\n"
        "  a: {task: t}\n"
        "  b: {task: t}\n"
        "  c: {task: t}\n"
    )

    assert said == [
        "f:5:14: steps.s.switch[0]: expected a case that can be chosen, but its condition is "
        "never true",
        "f:7:14: steps.s.switch[2]: expected a case that can be chosen, but an earlier one "
        "always is",
        "f:8:16: steps.s.switch[3]: expected a case that can be chosen, but an earlier one "
        "always is",
        "f:9:6: steps.a: expected a step that can run, but no case that chooses it can be chosen",
        "f:11:6: steps.c: expected a step that can run, but no case that chooses it can be chosen",
    ]


def test_an_input_that_an_open_schema_does_not_name_is_suspicious() -> None:
    said = warnings_of(
        "input: {properties: {total: {type: number}}}\n"
        'steps:\n  a: {task: t, with: {x: "${{ input.totl }}"}}\n'
    )

    assert len(said) == 1
    assert said[0].startswith("f:4:37: steps.a.with.x: ")
    assert said[0].endswith('; did you mean "total"?')


def test_keywords_that_json_schema_does_not_know_have_no_effect() -> None:
    said = warnings_of(
        "input:\n"
        "  order_id: {type: string}\n"
        "  requird: [a]\n"
        "  x-own: 1\n"
        "  allOf: [{minimun: 1}]\n"
        "  items: {titel: a}\n"
        "  $defs: {d: {maxlength: 1}}\n"
        "steps: {a: {task: t}}\n"
    )

    text = "expected a keyword of JSON Schema, but"
    assert said == [
        f'f:3:3: input.order_id: {text} "order_id" is none and has no effect; '
        "write properties: {order_id: …}",
        f'f:4:3: input.requird: {text} "requird" is none and has no effect; '
        'did you mean "required"?',
        f'f:6:12: input.allOf[0].minimun: {text} "minimun" is none and has no effect; '
        'did you mean "minimum"?',
        f'f:7:11: input.items.titel: {text} "titel" is none and has no effect; '
        'did you mean "title"?',
        f'f:8:15: input.$defs.d.maxlength: {text} "maxlength" is none and has no effect; '
        'did you mean "maxLength"?',
    ]


def test_warnings_are_bounded() -> None:
    steps = "".join(f"  s{i}: {{task: t, if: false}}\n" for i in range(300))

    assert len(warnings_of("steps:\n" + steps)) == 200
