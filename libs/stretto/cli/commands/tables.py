"""`stretto explain-table`: what the decisions of a definition are compiled to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from stretto.cli.exits import EXIT_USAGE
from stretto.cli.printing import note, print_json
from stretto.cli.source_files import read_source
from stretto.contracts.asks import AskPlan
from stretto.contracts.codec import decode_ask_plan
from stretto.contracts.graph import ScopePlan
from stretto.definition import compile_graph, load


@click.command("explain-table")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--step", metavar="STEP", help="Only this step, by its path.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def explain_table_command(file: Path, step: str | None, *, as_json: bool) -> None:
    """Show what decision tables and switches are compiled to. Needs no server.

    For each: the order in which inputs are asked, the tree, and what the optimiser changed.
    """
    loaded = load(read_source(file), str(file))
    if loaded.definition is None:
        for mistake in loaded.mistakes:
            click.echo(str(mistake))
        sys.exit(EXIT_USAGE)
    found = {
        name: plan
        for name, plan in _decisions(compile_graph(loaded.definition, 1).root)
        if step is None or name == step
    }
    if step is not None and not found:
        raise click.UsageError(f"expected {step!r} to be a table or a switch, but it is none")
    told = {name: list(_lines(plan)) for name, plan in found.items()}
    if as_json:
        print_json(told)
        return
    for name, lines in told.items():
        click.echo(f"{name}: {lines[0]}")
        for line in lines[1:]:
            click.echo(line)
        click.echo()
    if not told:
        note("no decision tables and no switches")


def _decisions(scope: ScopePlan) -> Iterator[tuple[str, AskPlan]]:
    """The tables and switches of a scope and all that is inside it, by path."""
    for step in scope.steps:
        if step.ask is not None and step.kind in ("switch", "decide"):
            plan = decode_ask_plan(step.ask.plan)
            yield plan.step, plan
        bodies = [step.body, *(handler.body for handler in step.catch)]
        for body in bodies:
            if body is not None:
                yield from _decisions(body)


def _lines(plan: AskPlan) -> Iterator[str]:
    # Loaded here: it brings the native library of expressions, which other commands do without.
    from stretto.expression import ProgramCache
    from stretto.table.branches import CompiledBranches
    from stretto.table.compiled import CompiledTable
    from stretto.table.tree import table_lines

    if plan.table is not None:
        yield from table_lines(CompiledTable(plan.table, ProgramCache()))
        return
    branches = CompiledBranches(plan.cases, ProgramCache())
    yield f"a switch: {len(plan.cases)} cases"
    yield "asked in this order:"
    yield from (f"  {line}" for line in branches.described())
    yield "changed:"
    yield from (f"  {line}" for line in branches.changes() or ["nothing: nothing to gain"])
