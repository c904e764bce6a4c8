"""The native library's faults, each shown in a process of its own, and that ours are safe from it.

A fault that a new version of the library no longer has makes a test here fail: then what protects
from it can go.
"""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from stretto.expression import environment

ROOT = Path(__file__).resolve().parents[3]
FREED_NONE = "none_dealloc"


def run(code: str) -> subprocess.CompletedProcess[str]:
    prelude = "import sys\nsys.path.insert(0, 'libs')\n"
    return subprocess.run(
        [sys.executable, "-c", prelude + textwrap.dedent(code)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal from 3.12 on")
def test_the_library_frees_none() -> None:
    result = run("""
        from cel_expr_python import cel
        program = cel.NewEnv().compile("[null]")
        for _ in range(20_000):
            program.eval().plain_value()
    """)

    assert result.returncode < 0
    assert FREED_NONE in result.stderr


def test_reading_nulls_does_not_end_the_process() -> None:
    result = run("""
        from stretto.expression import compile_expression
        program = compile_expression("[input.a, {'b': null}, null]")
        for _ in range(20_000):
            assert program.evaluate({"input": {"a": None}}) == [None, {"b": None}, None]
        print("alive")
    """)

    assert (result.returncode, result.stdout) == (0, "alive\n"), result.stderr


def test_the_library_crashes_over_an_optional_in_a_map() -> None:
    result = run("""
        from cel_expr_python import cel
        config = cel.NewEnvConfigFromYaml("extensions: [{name: optional}]")
        cel.NewEnv(config=config).compile("{'a': optional.none()}").eval().plain_value()
    """)

    assert result.returncode < 0


@pytest.mark.parametrize(
    "source",
    [
        "{'a': optional.none()}",
        "[{'a': {'b': optional.of(1)}}]",
        "{'a': [1].first()}",
        "{'a': regex.extract('a', 'b')}",
        "{'a': input.?b}",
        "{'a': input[?'b']}",
        "{'a': optional.of(1).optMap(x, x)}",
        "{'a': optional.none().or(optional.of(1))}",
        "{'a': optional.ofNonZeroValue(1)}",
        "[1].map(x, {'a': [x].last()})",
    ],
)
def test_an_optional_in_a_map_is_an_error(source: str) -> None:
    result = run(f"""
        from stretto.expression import EvaluationError, compile_expression
        try:
            compile_expression({source!r}).evaluate({{"input": {{}}}})
        except EvaluationError as error:
            print(error.code)
    """)

    assert (result.returncode, result.stdout) == (0, "invalid\n"), result.stderr


def test_the_library_crashes_over_deep_json() -> None:
    result = run("""
        from cel_expr_python import cel
        value = 1
        for _ in range(100_000):
            value = [value]
        cel.NewEnv(variables={"x": cel.Type.DYN}).compile("size(x)").eval(data={"x": value})
    """)

    assert result.returncode < 0


def test_the_library_cuts_text_at_nul() -> None:
    result = run("""
        from cel_expr_python import cel
        program = cel.NewEnv(variables={"x": cel.Type.DYN}).compile("x")
        print(program.eval(data={"x": "ab" + chr(0) + "cd"}).value())
    """)

    assert result.stdout == "ab\n"


def test_the_library_leaks_the_arguments_of_python_functions() -> None:
    result = run("""
        import gc
        from cel_expr_python import cel
        class Text(str): pass
        overload = cel.Overload(
            "f_1", return_type=cel.Type.INT, parameters=[cel.Type.LIST], impl=lambda x: 1
        )
        env = cel.NewEnv(
            variables={"x": cel.Type.DYN}, functions=[cel.FunctionDecl("f", [overload])]
        )
        program = env.compile("f(x)")
        lists = lambda: sum(type(o) is list and o[:1] == ["marker"] for o in gc.get_objects())
        before = lists()
        for _ in range(100):
            program.eval(data={"x": ["marker", []]}).value()
        gc.collect()
        print(lists() - before)
    """)

    assert int(result.stdout) >= 100


def test_plain_paths_do_not_load_the_library() -> None:
    result = run("""
        from stretto.expression import compile_template
        template = compile_template({"a": "${{ input.items[0]['x-y'] }}", "b": "no ${{ run.id }}"})
        scope = {"input": {"items": [{"x-y": 1}]}, "run": {"id": "r"}}
        print(template.render_json(scope).decode())
        print(any("cel_expr" in name for name in sys.modules))
    """)

    assert result.stdout == '{"a":1,"b":"no r"}\nFalse\n', result.stderr


@pytest.mark.parametrize("counted", [True, False])
def test_none_is_given_spare_references_only_where_it_is_counted(
    counted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "_NONE_IS_COUNTED", counted and sys.version_info < (3, 12))
    before = sys.getrefcount(None)

    environment._protect_none()

    given = sys.getrefcount(None) - before
    assert (given > 2**39) == (counted and sys.version_info < (3, 12))
