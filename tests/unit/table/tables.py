"""Tables for tests: short to write."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from stretto.contracts.asks import HitPolicy, TableInput, TablePlan, TableRule
from stretto.expression import EvaluationError, ProgramCache
from stretto.table.compiled import CompiledTable
from stretto.table.hits import nothing

NO_OUTPUT: Any = object()


def table(
    inputs: Mapping[str, str],
    *rules: tuple[Mapping[str, str], Any] | tuple[Mapping[str, str], Any, int],
    hit: HitPolicy = "unique",
    otherwise: Any = NO_OUTPUT,
) -> CompiledTable:
    """A table over `input.<name>`; `inputs` are names and types, rules conditions, output and
    priority."""
    return CompiledTable(
        TablePlan(
            inputs=tuple(
                TableInput(name=name, expression=f"input.{name}", type=type_)  # type: ignore[arg-type]
                for name, type_ in inputs.items()
            ),
            rules=tuple(
                TableRule(
                    when=dict(rule[0]),
                    then=msgspec.Raw(json.dumps(rule[1]).encode()),
                    priority=rule[2] if len(rule) > 2 else 0,
                )
                for rule in rules
            ),
            hit=hit,
            otherwise=msgspec.Raw(
                nothing(hit) if otherwise is NO_OUTPUT else json.dumps(otherwise).encode()
            ),
        ),
        ProgramCache(),
    )


def ask(of: CompiledTable, **values: Any) -> tuple[Any, list[int]]:
    """Output and rules for some inputs."""
    output, rules = of.decide({"input": values})
    return json.loads(output), rules


def refusal(of: CompiledTable, **values: Any) -> str:
    """What a table says that cannot answer."""
    try:
        answer = of.decide({"input": values})
    except EvaluationError as error:
        return str(error)
    raise AssertionError(f"expected an error, but got {answer}")
