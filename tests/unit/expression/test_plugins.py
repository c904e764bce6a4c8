"""Functions of installed packages: loaded as asked, refused with their reason."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from stretto.expression import (
    FUNCTIONS,
    EvaluationError,
    ExpressionError,
    compile_expression,
    environment,
    names,
)
from stretto.expression.functions.plugins import (
    PluginError,
    add_functions,
    load_functions,
    load_functions_or_exit,
)

SOURCE = '''
import random
import time
from datetime import datetime, timedelta
from random import choice
from typing import Any, Literal

kept = 0

def vat(net: float, country: str = "de") -> float:
    """The value added tax on a net price."""
    return round(net * {"de": 0.19, "fr": 0.2}[country], 2)

def later(at: datetime, by: timedelta) -> datetime:
    """Later."""
    return at + by

def liar(x: int) -> str:
    """Says text, gives a number."""
    return x

def odd(x: int) -> Any:
    """Gives what is not JSON."""
    return {1, x}

def flag(on: bool, names: list[str] = None) -> bool:
    """Turns a flag round."""
    return not on

def strange(x: Literal[[1]]) -> int:
    """Takes what nothing is."""
    return 1

async def waits(x: int) -> int:
    """Waits."""
    return x

def yields(x: int) -> int:
    """Yields."""
    yield x

def nothing() -> int:
    """Depends on nothing."""
    return 1

def unhinted(x) -> int:
    """Has no hint."""
    return x

def without_result(x: int):
    """Has no hint for its result."""
    return x

def foreign(x: set) -> int:
    """Takes what is not JSON."""
    return 1

def unknown(x: "Nothing") -> int:
    """Has a hint that is not there."""
    return 1

def many(*x: int) -> int:
    """Takes as many as there are."""
    return 1

def shared(x: list[Any] = []) -> int:
    """Has a default that can be changed."""
    return 1

def silent(x: int) -> int:
    return x

def chance(x: int) -> int:
    """Rolls a die."""
    return random.randint(0, x)

def chosen(x: list) -> Any:
    """Rolls a die."""
    return choice(x)

def clock(x: int) -> float:
    """Looks at the clock."""
    return time.monotonic() + x

def date(x: int) -> str:
    """Looks at the clock."""
    return datetime.now().isoformat()

def file(path: str) -> str:
    """Reads."""
    return (lambda: open(path).read())()

def counts(x: int) -> int:
    """Counts its calls."""
    global kept
    kept += x
    return kept

def _made():
    y = 1
    def inner(x: int) -> int:
        """Sees what is around it."""
        return x + y
    return inner

around = _made()
value = 5
'''


@pytest.fixture(autouse=True)
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package `acme_functions` that can be imported; the functions of before, afterwards."""
    (tmp_path / "acme_functions.py").write_text(SOURCE)
    (tmp_path / "acme_broken.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    before = dict(FUNCTIONS)
    yield
    for name in FUNCTIONS.keys() - before.keys():
        del FUNCTIONS[name]
    sys.modules.pop("acme_functions", None)
    # The table only grows in a process; what is made of it looks at its length alone.
    environment._make.cache_clear()
    names._namespaces.cache_clear()


def entry(name: str, attribute: str, module: str = "acme_functions") -> EntryPoint:
    return EntryPoint(name, f"{module}:{attribute}", "stretto.functions")


def installed(root: Path, package: str, *names: str) -> None:
    """Write down, as an installer does, that a package has entry points."""
    info = root / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = "".join(f"{name} = acme_functions:vat\n" for name in names)
    (info / "entry_points.txt").write_text(f"[stretto.functions]\n{lines}")


def test_a_function_of_a_package_is_called_like_one_of_ours() -> None:
    with pytest.raises(ExpressionError):
        compile_expression("acme.vat(100)")

    assert add_functions([entry("acme.vat", "vat")]) == ("acme.vat",)

    assert compile_expression("acme.vat(100)").evaluate({}) == 19.0
    assert compile_expression("acme.vat(input.net, 'fr') + 1").evaluate({"input": {"net": 10}}) == 3
    assert compile_expression("[1, 2].map(n, acme.vat(n * 100))").evaluate({}) == [19.0, 38.0]
    with pytest.raises(ExpressionError, match="expected 1 to 2 arguments"):
        compile_expression("acme.vat()")
    with pytest.raises(EvaluationError, match=r"a number as `net` of `acme.vat`, but got \"x\""):
        compile_expression("acme.vat('x')").evaluate({})


def test_instants_and_durations_are_read_and_written() -> None:
    add_functions([entry("acme.later", "later")])

    later = compile_expression("acme.later('2026-11-22T00:00:00Z', '90m')")

    assert later.evaluate({}) == "2026-11-22T01:30:00Z"


def test_a_parameter_may_be_a_bool() -> None:
    add_functions([entry("acme.flag", "flag")])

    assert compile_expression("acme.flag(input.on)").evaluate({"input": {"on": False}}) is True
    with pytest.raises(EvaluationError, match="a bool as `on`"):
        compile_expression("acme.flag(input.on)").evaluate({"input": {"on": 1}})
    assert FUNCTIONS["acme.flag"].signature == (
        "acme.flag(on: bool, names?: list of strings = null) -> bool"
    )


@pytest.mark.parametrize(
    ("attribute", "source", "message"),
    [
        ("vat", "acme.f(1, 'xx')", "expected `acme.f` to give a result, but KeyError: 'xx'"),
        ("liar", "acme.f(1)", "expected `acme.f` to give a string, but it gave 1"),
        ("odd", "acme.f(1)", "expected JSON in `acme.f`, but got a set"),
        ("later", "acme.f('9999-12-31', '9w')", "expected `acme.f` to give a result, but Overflow"),
    ],
)
def test_what_it_does_wrong_is_an_error_of_the_evaluation(
    attribute: str, source: str, message: str
) -> None:
    add_functions([entry("acme.f", attribute)])

    with pytest.raises(EvaluationError) as raised:
        compile_expression(source).evaluate({})

    assert raised.value.message.startswith(message)


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("waits", "it is `async`"),
        ("yields", "it yields"),
        ("nothing", "1 to 8 parameters, but it has 0"),
        ("unhinted", "type hint for the parameter `x`"),
        ("without_result", "type hint for the result"),
        ("foreign", "for the parameter `x`, but got `set`"),
        ("strange", "for the parameter `x`"),
        ("unknown", "type hints that can be read"),
        ("many", "`x` has none"),
        ("shared", "default of `x` that nobody can change"),
        ("silent", "docstring"),
        ("value", "a Python function, but got a int"),
        ("absent", "AttributeError"),
        ("chance", "it uses `random`"),
        ("chosen", "it uses `choice`"),
        ("clock", "it uses `time`"),
        ("date", "it uses `now`"),
        ("file", "it uses `open`"),
        ("counts", "a variable that is kept"),
        ("around", "variables of a function around it"),
    ],
)
def test_an_impure_or_unclear_function_is_refused(attribute: str, message: str) -> None:
    with pytest.raises(PluginError) as raised:
        add_functions([entry("acme.good", "vat"), entry("acme.f", attribute)])

    assert message in str(raised.value)
    assert "`acme.f` of the package acme_functions" in str(raised.value)
    assert "acme.good" not in FUNCTIONS  # all or none


@pytest.mark.parametrize(
    "name",
    ["vat", "Acme.vat", "acme.vat.de", "text.vat", "lists.vat", "int.vat", "input.vat", "in.vat"],
)
def test_a_name_that_is_taken_or_none_is_refused(name: str) -> None:
    with pytest.raises(PluginError, match=r"expected a name|expected a namespace of its own"):
        add_functions([entry(name, "vat")])


def test_a_package_that_cannot_be_imported_is_named() -> None:
    with pytest.raises(PluginError, match=r"acme_broken.*ZeroDivisionError"):
        add_functions([entry("acme.f", "f", "acme_broken")])


def test_too_many_are_refused() -> None:
    with pytest.raises(PluginError, match="at most 500"):
        add_functions([entry(f"acme.f{n}", "vat") for n in range(501)])


def test_installed_functions_are_chosen_by_name_or_namespace(tmp_path: Path) -> None:
    installed(tmp_path, "acme", "acme.one", "acme.two", "tax.vat")

    assert load_functions("") == load_functions("0") == ()
    assert load_functions("tax.vat") == ("tax.vat",)
    assert load_functions(" acme , tax.vat ") == ("acme.one", "acme.two", "tax.vat")
    assert set(load_functions("1")) >= {"acme.one", "acme.two", "tax.vat"}  # again: no clash
    assert FUNCTIONS["acme.one"].package == "acme"
    with pytest.raises(PluginError, match=r"expected `else` among .* acme.one, acme.two, tax.vat"):
        load_functions("acme,else")


def test_two_packages_with_one_name_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    installed(tmp_path, "acme", "acme.vat")
    installed(tmp_path, "rival", "acme.vat")

    with pytest.raises(SystemExit) as raised:
        load_functions_or_exit("1")

    assert raised.value.code == 2
    assert "`acme.vat` of the package" in capsys.readouterr().err


@pytest.mark.parametrize("service", ["decision", "workflow"])
def test_a_service_that_cannot_have_a_function_ends_with_the_reason(service: str) -> None:
    root = Path(__file__).resolve().parents[3]
    given = {
        "STRETTO_FUNCTIONS": "nowhere.vat",
        "STRETTO_POSTGRES_DSN": "postgresql://127.0.0.1:1/none",
        "PYTHONPATH": f"{root / 'libs'}:{root}",
    }

    ended = subprocess.run(
        [sys.executable, "-m", f"services.{service}"],
        env=given, cwd=root, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert ended.returncode == 2
    assert "STRETTO_FUNCTIONS: expected `nowhere.vat` among" in ended.stderr


def test_the_examples_are_typed() -> None:
    known: dict[str, Any] = {name: function.signature for name, function in FUNCTIONS.items()}

    assert known["text.pad_start"] == (
        "text.pad_start(text: string, width: int, fill?: string = ' ') -> string"
    )
    assert known["list.sort"] == "list.sort(items: list, order?: 'asc' | 'desc' = 'asc') -> list"
