"""Hostile texts are refused with a reason, and fast."""

import time

import pytest

from stretto.definition import check, load
from stretto.definition.limits import MAX_DOCUMENT_BYTES, MAX_STEPS

FAST_S = 5.0
"""Of processor time: far more than any takes (under 1 s), also while coverage is measured; far less
than a text without limits would take."""

HEAD = "workflow: w\nsteps:\n"


def bomb(levels: int) -> str:
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{i}: &l{i} [" + ", ".join([f"*l{i - 1}"] * 9) + "]" for i in range(1, levels)]
    return "\n".join(lines) + "\n"


def json_of_steps(count: int) -> str:
    return '{"workflow":"w","steps":{' + ",".join(f'"{i:x}":{{}}' for i in range(count)) + "}}"


def many(count: int, field: str = "") -> str:
    return ", ".join(f"s{i}: {{task: t, {field}}}" for i in range(count))


def nested(levels: int) -> str:
    return HEAD + "  a: " + "{steps: {a: " * levels + "{task: t}" + "}}" * levels + "\n"


def handlers(levels: int) -> str:
    inner = "{task: t}"
    for _ in range(levels):
        inner = "{task: t, catch: [{steps: {a: " + inner + "}}]}"
    return HEAD + "  a: " + inner + "\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[" * 100_000, "too_deep"),
        ("{a: " * 100_000, "too_deep"),
        ("- " * 100_000, "too_deep"),
        ('{"a":' * 100_000, "too_deep"),
        ("? " * 100_000, "too_deep"),
        (bomb(20), "too_large"),
        (f"a: &a [{'x, ' * 900}x]\nb: [{'*a, ' * 190}*a]\n", "too_large"),
        ("a: &a x\nb: [" + "*a, " * 201 + "x]\n", "too_large"),
        ("a: &a [*a]\n", "yaml"),
        ("workflow: " + "a" * 70_000, "too_large"),
        ("# " + "x" * MAX_DOCUMENT_BYTES, "too_large"),
        ("é" * (MAX_DOCUMENT_BYTES // 2 + 1), "too_large"),
        ("[" + "a," * 200_000 + "]", "too_large"),
        (json_of_steps(70_000), "out_of_range"),
        (HEAD + "".join(f"  s{i}: {{task: t}}\n" for i in range(100_000)), "too_large"),
        (HEAD + f"  {'a' * 1000}: {{task: t}}\n", "too_large"),
        (HEAD + "  a: {task: t, if: '" + "(" * 3_000 + "'}\n", "expression"),
        (HEAD + "  a: {task: t, if: '" + "x" * 60_000 + "'}\n", "too_large"),
        (HEAD + "  a: {task: t, with: {x: '" + "${{" * 20_000 + "'}}\n", "expression"),
        (HEAD + "  a: {task: t, with: {x: [" + "1," * 12_000 + "]}}\n", "too_large"),
        (HEAD + "  a: {task: t, for_each: [" + "1," * 2_000 + "]}\n", "too_large"),
        (HEAD + "  a: {task: t, for_each: [" + f"{'1' * 18}," * 900 + "]}\n", "expression"),
        (HEAD + "  a: {task: t, labels: {" + ",".join(f"a{i}: b" for i in range(99)) + "}}\n",
         "too_large"),
        (HEAD + "  a: {switch: [" + "{else: a}," * 2_000 + "]}\n", "out_of_range"),
        (HEAD + "  a: {task: t, retry: {except: [" + "a," * 2_000 + "]}}\n", "too_large"),
        (nested(9), "too_deep"),
        (nested(50), "too_deep"),
        (handlers(9), "too_deep"),
        (HEAD + "".join(f"  g{i}: {{steps: {{{many(300)}}}}}\n" for i in range(50)), "too_large"),
        (HEAD + f"  g: {{steps: &s {{{many(500)}}}}}\n"
         + "".join(f"  g{i}: {{steps: *s}}\n" for i in range(150)), "too_large"),
        (HEAD + f"  g: {{steps: {{{many(2_000, 'needs: x')}}}}}\n", "too_many_mistakes"),
        (HEAD + f"  g: {{steps: {{{many(1_500, 'if: steps.gg.output')}}}}}\n", "too_many_mistakes"),
        (HEAD + "  a: {task: t, catch: [" + "{output: 1}," * 2_000 + "]}\n", "too_large"),
        (HEAD + "  a: {approval: {by: [" + "a," * 2_000 + "]}}\n", "too_large"),
        (HEAD + "  a: {repeat: {steps: {b: {task: t}}, until: true, limit: 1000000}}\n",
         "out_of_range"),
        (HEAD + "  a: {signal: " + "s" * 1_000 + "}\n", "too_large"),
        ("\0" * 1000, "yaml"),
        ("%YAML 9.9\n---\na: b", "yaml"),
        ("a: !!python/object/apply:os.system [ls]", "yaml"),
        ("a: 1" + "0" * 5_000, "out_of_range"),
    ],
    ids=range(40),
)  # fmt: skip
def test_a_hostile_text_is_refused_fast(text: str, code: str) -> None:
    began = time.process_time()

    mistakes = check(text)

    assert time.process_time() - began < FAST_S
    assert code in {mistake.code for mistake in mistakes}, [str(m)[:200] for m in mistakes[:5]]


def test_thousands_of_mistakes_cost_no_more_than_their_text() -> None:
    text = HEAD + "".join(
        f"  s{i}: {{tsk: t, needs: [x{i}], if: 's{i}.a + '}}\n" for i in range(MAX_STEPS)
    )
    began = time.process_time()

    assert len(check(text)) == 201
    assert time.process_time() - began < 2 * FAST_S


def test_a_long_chain_and_a_long_ring_do_not_recurse() -> None:
    chain = HEAD + "".join(f"  s{i}: {{task: t, needs: s{i + 1}}}\n" for i in range(5_000))

    assert load(chain + "  s5000: {task: t}\n").definition is not None
    [ring] = check(chain + "  s5000: {task: t, needs: s0}\n")
    assert ring.code == "cycle"
