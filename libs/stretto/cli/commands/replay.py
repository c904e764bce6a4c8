"""`stretto replay`: recorded runs by a definition that has changed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from stretto.cli.calling import Call, bus_command
from stretto.cli.commands.carrying import read_bytes
from stretto.cli.commands.past import fact_of
from stretto.cli.exits import EXIT_OK, EXIT_RUN_FAILED, EXIT_USAGE
from stretto.cli.printing import note, out, print_json
from stretto.cli.run_ids import run_of
from stretto.cli.source_files import read_source
from stretto.cli.template_files import ask
from stretto.client import Client
from stretto.contracts.answers import MAX_PAGE
from stretto.definition import compile_graph
from stretto.definition.templates import outline
from stretto.history.document import Damaged, read_document
from stretto.testing.definitions import Text, library_of, read_definition, written_out
from stretto.testing.outline import paths_in
from stretto.testing.replayed import Recording, Replayed, sentence
from stretto.testing.stage import engine

DEFAULT_RUNS = 100
"""The latest runs of the workflow, where none are named."""

AT_ONCE = 50
"""Histories that are held in memory at once."""

MAX_TOLD = 10
"""Differences of a run that are written out; JSON holds them all."""

_WORDS = {
    "same": "would go the same way",
    "otherwise": "would go otherwise",
    "refused": "would be refused",
    "not_replayed": "could not be replayed",
}
_SIGNS = {"same": "[green]✓[/]", "otherwise": "[red]≠[/]", "refused": "[red]✗[/]"}


@click.command("replay")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("targets", nargs=-1, metavar="[RUN|DOCUMENT]...")
@click.option(
    "--template",
    "templates",
    multiple=True,
    type=click.Path(path_type=Path),
    help="The file of a template that FILE uses, in place of the registered one.",
)
@click.option(
    "--workflow", metavar="WORKFLOW", help="Whose runs; else those of the workflow in FILE."
)
@click.option(
    "--version", type=click.IntRange(min=1), metavar="N", help="Only runs of this version."
)
@click.option(
    "--status", "wanted", metavar="STATUS", help="Only runs that are running, completed, failed, …"
)
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_PAGE),
    default=DEFAULT_RUNS,
    show_default=True,
    metavar="N",
)
@bus_command
async def replay_command(
    call: Call,
    *,
    file: Path,
    targets: tuple[str, ...],
    templates: tuple[Path, ...],
    workflow: str | None,
    version: int | None,
    wanted: str | None,
    limit: int,
) -> None:
    """Tell which recorded runs would go otherwise by the definition in FILE, where, and why.

    Answers of tasks, signals and what people did come from the recordings; conditions, choices,
    retries and timers are worked out anew, here, without any effect. Targets are runs, or documents
    of `stretto export`; without any, the latest runs of the workflow. Exit codes: 0 all would go
    the same way, 1 some would not.
    """
    text = Text(str(file), read_source(file))
    library, mistakes = library_of(Text(str(each), read_source(each)) for each in templates)
    await ask(library, outline(text.source).uses, call)
    loaded = read_definition(text, library)
    mistakes += loaded.mistakes
    if loaded.definition is None or mistakes:
        for mistake in mistakes:
            click.echo(str(mistake))
        sys.exit(EXIT_USAGE)
    source = written_out(loaded.definition, text.source)
    name = workflow or loaded.definition.workflow
    files, runs = _sorted_out(targets)
    known = paths_in(compile_graph(loaded.definition, 1))
    player = _Player(call, source, known)
    player.play([_recording(document) for document in files])
    if runs or not targets:
        client: Client
        async with call.client() as client:
            if not targets:
                page = await client.runs(workflow=name, status=wanted, limit=limit)
                runs = [r.run_id for r in page.runs if version in (None, r.version)]
            for start in range(0, len(runs), AT_ONCE):
                part = runs[start : start + AT_ONCE]
                player.play([await _history(client, run_id) for run_id in part])
    sys.exit(player.end())


def _sorted_out(targets: tuple[str, ...]) -> tuple[list[Path], list[str]]:
    """Tell documents, which are files that are there, from the ids of runs."""
    files = [Path(target) for target in targets if Path(target).is_file()]
    return files, [target for target in targets if not Path(target).is_file()]


def _recording(file: Path) -> Recording:
    try:
        document = read_document(read_bytes(file))
    except Damaged as error:
        raise click.UsageError(f"{file}: {error}") from None
    return Recording(run_id=document.run.run_id, facts=document.facts())


async def _history(client: Client, run_id: str) -> Recording:
    run = await run_of(client, run_id)
    return Recording(run_id=run.id, facts=[fact_of(event) for event in await run.history()])


class _Player:
    """Plays recordings and prints what would become of them."""

    def __init__(self, call: Call, source: str, known: set[str]) -> None:
        self._json = call.json
        self._source = source
        self._known = known
        self._counts: dict[str, int] = {}
        self._told: list[dict[str, Any]] = []

    def play(self, recordings: Sequence[Recording]) -> None:
        """Play some recordings."""
        for found in engine().replay(self._source, list(recordings)) if recordings else ():
            self._counts[found.verdict] = self._counts.get(found.verdict, 0) + 1
            if self._json:
                self._told.append(self._data(found))
            else:
                self._print(found)

    def end(self) -> int:
        """Print the sum; give the exit code."""
        if self._json:
            print_json({"runs": self._told, "counts": self._counts})
        elif self._counts:
            told = [f"{n} {_WORDS[verdict]}" for verdict, n in sorted(self._counts.items())]
            note(", ".join(told))
        else:
            note("no runs to replay", "yellow")
        return EXIT_OK if set(self._counts) <= {"same"} else EXIT_RUN_FAILED

    def _data(self, found: Replayed) -> dict[str, Any]:
        return {
            "run_id": found.run_id,
            "verdict": found.verdict,
            "why": found.why,
            "events": found.events,
            "differences": [
                {
                    "step": each.step,
                    "what": each.what,
                    "recorded": each.left,
                    "replayed": each.right,
                    "seq": each.seq,
                    "sentence": sentence(each, self._known),
                }
                for each in found.differences
            ],
            "beyond": found.beyond,
            "refused": found.refused,
            "notes": found.notes,
        }

    def _print(self, found: Replayed) -> None:
        sign = _SIGNS.get(found.verdict, "[yellow]?[/]")
        why = f"  {escape(found.why)}" if found.why else ""
        out().print(f"{sign} {found.run_id}  {found.events} events{why}", soft_wrap=True)
        for said in found.notes:
            out().print(f"    {escape(said)}", soft_wrap=True)
        for each in found.differences[:MAX_TOLD]:
            text = escape(sentence(each, self._known))
            out().print(f"    from event {each.seq}: {text}", soft_wrap=True)
        if len(found.differences) > MAX_TOLD:
            out().print(f"    … and {len(found.differences) - MAX_TOLD} more")
        for refused in found.refused:
            out().print(f"    would be refused: {escape(refused)}", soft_wrap=True)
        for beyond in found.beyond:
            out().print(f"    not known beyond {escape(beyond)}", soft_wrap=True)
