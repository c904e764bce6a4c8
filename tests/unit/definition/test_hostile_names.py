"""Names, keys and sizes that somebody hostile would choose: refused with a place, in bounded time
and memory."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stretto.definition import check, load
from stretto.definition.limits import MAX_NAME_CHARS

ROOT = Path(__file__).resolve().parents[3]
HEAD = "workflow: w\nsteps:\n"

SEPARATED = [
    "a.b", "a/b", "a b", "a:b", "a[0]", "a~compensate", "a~catch", "*", ">", "a,b", "..", "~", "$a",
    "a\tb",
]  # fmt: skip
FOREIGN = ["é", "步骤", "ａ", "а", "a\u200bb", "a\u202eb", "I\u0307", "\ufeffa", "🎻"]
OTHERS = ["A", "-a", "_a", "", "constructor A", "a" * (MAX_NAME_CHARS + 1), "a" * 60_000]


@pytest.mark.parametrize("name", [*SEPARATED, *FOREIGN, *OTHERS], ids=lambda name: repr(name[:12]))
@pytest.mark.parametrize("place", ["workflow", "step", "inner step", "queue"])
def test_a_name_that_would_be_a_path_a_subject_or_another_name_is_refused(
    name: str, place: str
) -> None:
    whole: dict[str, object] = {"workflow": "w", "steps": {"a": {"task": "t"}}}
    match place:
        case "workflow":
            whole["workflow"] = name
        case "step":
            whole["steps"] = {name: {"task": "t"}}
        case "inner step":
            whole["steps"] = {"g": {"steps": {name: {"task": "t"}}}}
        case "queue":
            whole["steps"] = {"a": {"task": "t", "queue": name}}

    mistakes = check(json.dumps(whole))

    assert mistakes, name
    assert {m.code for m in mistakes} <= {"bad_name", "too_large", "bad_value", "bad_key", "yaml"}
    assert all(m.line >= 1 and m.column >= 1 for m in mistakes)
    assert all(len(str(m)) < 2_000 for m in mistakes)


@pytest.mark.parametrize(
    "name", ["__proto__", "constructor", "none", "null", "true", "on", "0", "1e3", "a-", "a_-_"]
)
def test_an_odd_name_that_is_one_after_all_is_taken_or_refused_but_never_more(name: str) -> None:
    loaded = load(json.dumps({"workflow": "w", "steps": {name: {"task": "t"}}}))

    assert loaded.definition is not None or [m.code for m in loaded.mistakes] == ["bad_name"]


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "  a: {task: t}\n  a: {task: u}\n",
        HEAD + "  a: {task: t, task: u}\n",
        "workflow: w\nworkflow: v\nsteps: {a: {task: t}}\n",
        HEAD + "  a: {task: t, with: {x: 1, x: 2}}\n",
        HEAD + "  a: {task: t, retry: {max_attempts: 2, max_attempts: 3}}\n",
        '{"workflow": "w", "steps": {"a": {"task": "t"}, "a": {"task": "u"}}}',
        "workflow: w\nconcurrency: {key: a, key: b}\nsteps: {a: {task: t}}\n",
    ],
    ids=range(7),
)
def test_a_key_twice_is_a_mistake_at_the_second(text: str) -> None:
    assert [m.code for m in check(text)] == ["duplicate_key"]


def test_thousands_of_keys_twice_cost_no_more_than_their_text() -> None:
    text = HEAD + "".join("  a: {task: t}\n" for _ in range(10_000))
    began = time.process_time()

    assert len(check(text)) == 201
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ('timeout: "${{ ' + "1 + " * 2_000 + '1 }}"', "too_large"),
        ('retry: {max_attempts: "${{ ' + "(" * 900 + "1" + ")" * 900 + ' }}"}', "expression"),
        ('retry: {interval: "' + "${{ 1 }}" * 8_000 + '"}', None),
        ('timeout: "' + "x" * 60_000 + '${{ 1 }}"', None),
        ("timeout: 999999999999d", "out_of_range"),
        ("timeout: -1", "out_of_range"),
        ("timeout: .inf", "out_of_range"),
    ],
    ids=range(7),
)
def test_a_hostile_policy_is_refused_or_harmless(field: str, code: str | None) -> None:
    began = time.process_time()

    mistakes = check(HEAD + f"  a: {{task: t, {field}}}\n")

    assert time.process_time() - began < 5
    assert code is None or code in {m.code for m in mistakes}, [str(m)[:200] for m in mistakes]


_MEASURE = """
import resource, sys
from stretto.definition import check
from tests.unit.definition.test_hostile import test_a_hostile_text_is_refused_fast as case
check("workflow: w\\nsteps: {a: {task: t, if: input.x > 1}}\\n")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for text, _ in case.pytestmark[0].args[1]:
    check(text)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""

MAX_MB = 250
"""More than reading the largest definition that is allowed takes; a bomb would take gigabytes."""


def test_all_hostile_texts_together_take_no_more_memory_than_a_large_definition() -> None:
    found = subprocess.run(
        [sys.executable, "-c", _MEASURE], capture_output=True, text=True, check=True, timeout=120,
        env={"PYTHONPATH": f"{ROOT}/libs:{ROOT}"}, cwd=ROOT,
    )  # fmt: skip

    assert int(found.stdout) < MAX_MB
