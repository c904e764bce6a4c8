"""The reference of the functions as Markdown: `docs/functions.md`."""

import json
import sys
from collections.abc import Iterator
from typing import Any

from stretto.expression.functions.registry import FUNCTIONS, Function
from stretto.expression.limits import (
    MAX_RESULT_CHARS,
    MAX_RESULT_NODES,
    MAX_VALUE_CHARS,
    MAX_VALUE_NODES,
)

__all__ = ["OF_THE_LANGUAGE", "reference"]

_SPACES = {
    "": "Without a namespace",
    "date": "Instants",
    "decode": "Text out of other clothes",
    "duration": "Lengths of time",
    "encode": "Text in other clothes",
    "hash": "Digests",
    "json": "JSON",
    "list": "Lists",
    "map": "Maps",
    "number": "Numbers",
    "semver": "Semantic versions",
    "set": "Lists as sets",
    "text": "Text",
    "unit": "Sizes",
}

OF_THE_LANGUAGE: tuple[tuple[str, Any], ...] = (
    ("'order-42'.matches('^order-[0-9]+$')", True),
    ("regex.extract('order-42', '([0-9]+)').orValue('')", "42"),
    ("regex.extractAll('a1b22', '[0-9]+')", ["1", "22"]),
    ("regex.replace('a1b22', '[0-9]+', '#')", "a#b#"),
    ("'a,b'.split(',')", ["a", "b"]),
    ("['a', 'b'].join('-')", "a-b"),
    ("'abc'.substring(1)", "bc"),
    ("'a-b'.replace('-', '_')", "a_b"),
    ("' x '.trim()", "x"),
    ("'%s: %d'.format(['a', 1])", "a: 1"),
    ("[3, 1, 2].sort()", [1, 2, 3]),
    ("[1, 2, 3].slice(0, 2)", [1, 2]),
    ("lists.range(3)", [0, 1, 2]),
    ("math.greatest(1, 2, 3)", 3),
    ("math.sqrt(9.0)", 3.0),
    ("[1, 2, 3].filter(x, x > 1).map(x, x * 10)", [20, 30]),
    ("{'a': 1}.?b.orValue(0)", 0),
)
"""Examples of what the language has itself, with their values; tested like those of ours."""

_HEAD = f"""# Functions of expressions

<!-- Made by `python -m stretto.expression.functions.reference > docs/functions.md`. -->

What stands in `${{{{ }}}}` is [CEL](https://cel.dev) with its extensions, and the functions below.
They are deterministic: none knows the time, chance or the outside; the time comes from the scope.
A wrong argument that can be seen in the text is a mistake when the definition is registered, any
other is an error of the evaluation that names function, argument and value.

Text given to a function has at most {MAX_VALUE_CHARS:,} characters, a list or map at most
{MAX_VALUE_NODES:,} items; a result at most {MAX_RESULT_CHARS:,} and {MAX_RESULT_NODES:,}. A
parameter with `?` may be left out. An `instant` is RFC 3339 with its offset (a date alone is its
midnight in UTC); a `duration` is `1h30m`, `-2d`, `3.5s` or a number of seconds. Every example is
run as a test.
"""

_TAIL = """## Your own

A function is an entry point of the group `stretto.functions`, named as it is written:

```toml
# pyproject.toml of your package
[project.entry-points."stretto.functions"]
"acme.vat" = "acme_functions:vat"
```

```python
def vat(net: float, country: str = "de") -> float:
    \"\"\"The value added tax on a net price.\"\"\"
    return round(net * {"de": 0.19, "fr": 0.2}[country], 2)
```

Install the package where the workflow service and the decision service run, and start both with
`STRETTO_FUNCTIONS=1`, or with the names or namespaces that are wanted: `acme,tax.vat`.

- Types are `str`, `int`, `float`, `bool`, `list`, `dict`, `Any`, `list[str]`, `list[float]`,
  `list[dict[str, Any]]`, `datetime`, `timedelta` and `Literal` of strings. There are 1 to 8
  parameters; those at the end may have defaults. The docstring begins with one sentence on one
  line.
- Refused at the start, with the reason: a name that is taken or has no namespace of its own,
  `async`, `yield`, no parameters, types that are not JSON, and what reads clocks, chance, files or
  the network or keeps something between calls, as far as can be seen.
- Whatever it raises is an error of the evaluation. Nobody can stop it: keep it short.
"""


def reference() -> str:
    """Write the reference of all functions of ours."""
    parts = [_HEAD, "## Of the language itself\n", _code(OF_THE_LANGUAGE)]
    ours = [function for function in FUNCTIONS.values() if not function.package]
    for space, title in _SPACES.items():
        members = sorted((f for f in ours if _space(f) == space), key=lambda f: f.name)
        heading = f"## {title}: `{space}.`" if space else f"## {title}"
        parts += [heading + "\n", *(_entry(function) for function in members)]
    return "\n".join([*parts, _TAIL])


def _entry(function: Function) -> str:
    return f"`{function.signature}`  \n{function.about}\n\n{_code(function.examples)}"


def _code(examples: tuple[tuple[str, Any], ...]) -> str:
    return "```\n" + "".join(_lines(examples)) + "```\n"


def _lines(examples: tuple[tuple[str, Any], ...]) -> Iterator[str]:
    width = max(len(source) for source, _ in examples)
    for source, value in examples:
        yield f"{source.ljust(width)}  ▸ {json.dumps(value, ensure_ascii=False)}\n"


def _space(function: Function) -> str:
    return function.name.rpartition(".")[0]


if __name__ == "__main__":
    sys.stdout.write(reference())
