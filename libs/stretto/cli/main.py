"""The group of all commands. A command's module is imported when the command is used.

Importing all of them would take longer than most commands do.
"""

from __future__ import annotations

import importlib
import logging
import sys
from typing import NamedTuple

import click

from stretto import __version__
from stretto.cli.exits import end_with


class _Entry(NamedTuple):
    module: str
    help: str


_COMMANDS: dict[str, _Entry] = {
    "dev": _Entry("dev", "Run everything on this machine: NATS, Postgres, all services."),
    "validate": _Entry("definitions", "Find the mistakes of a definition."),
    "explain-table": _Entry("tables", "Show what decision tables and switches become."),
    "test": _Entry("test", "Run workflows in virtual time, as files of tests say."),
    "apply": _Entry("definitions", "Register a definition or schedule."),
    "schedules": _Entry("schedules", "List the schedules: what they start, and when."),
    "schedule": _Entry("schedules", "Apply, look at, pause and run schedules."),
    "expand": _Entry("templates", "Print a definition with its templates written out."),
    "templates": _Entry("templates", "List the templates, or print one."),
    "instantiate": _Entry("templates", "Make a workflow of a template and its parameters."),
    "versions": _Entry("versions", "List the versions of a workflow, with their labels."),
    "label": _Entry("versions", "Let a label point to a version of a workflow."),
    "diff": _Entry("versions", "Say what changed between two versions of a workflow."),
    "definitions": _Entry("definitions", "List the workflows, or print one's definition."),
    "run": _Entry("starting", "Register a definition, start a run of it, watch it."),
    "start": _Entry("starting", "Start a run."),
    "list": _Entry("runs", "List runs, the latest first."),
    "show": _Entry("runs", "Show a run: its steps, attempts, output."),
    "explain": _Entry("runs", "Say why a run is still open, or a decision as it is."),
    "history": _Entry("history", "Print the events of a run as a story, and their fold."),
    "state": _Entry("past", "Show the state of a run, also as it was at an event or instant."),
    "diff-runs": _Entry("past", "Compare two runs: where they part, and what is otherwise."),
    "replay": _Entry("replay", "Tell which recorded runs would go otherwise by a definition."),
    "export": _Entry("carrying", "Write the history of a run as a document."),
    "import": _Entry("carrying", "Take runs from documents of another installation."),
    "profile": _Entry("profile", "Show where the time of runs goes: the critical path."),
    "trace": _Entry("trace", "Print the trace of a run as a tree of spans."),
    "watch": _Entry("watch", "Watch a run until it ends."),
    "events": _Entry("watch", "Print events of all runs as they happen."),
    "signal": _Entry("control", "Send a signal to a run."),
    "approve": _Entry("control", "Approve a step that waits for it."),
    "reject": _Entry("control", "Refuse to approve a step: it fails."),
    "pause": _Entry("control", "Begin nothing new in a run until it is resumed."),
    "resume": _Entry("control", "Go on with a paused run."),
    "retry": _Entry("control", "Run failed steps again; a failed run is open again."),
    "skip": _Entry("control", "Go on as if an open step had been skipped."),
    "rewind": _Entry("control", "Go back to a step: it and all that needs it run again."),
    "rollback": _Entry("turning", "Go back to the end of a step: what came of it is undone."),
    "fork": _Entry("turning", "Start a run that begins where another one stood."),
    "migrate": _Entry("turning", "Let running runs follow another version."),
    "cancel": _Entry("control", "End a run in order: what was done is undone."),
    "terminate": _Entry("control", "End a run at once: nothing is undone."),
    "stats": _Entry("stats", "Show counts and latencies; how decisions came out."),
    "decisions": _Entry("decisions", "Export the choices of routes, to learn from them."),
    "cache": _Entry("cache", "List and purge what is kept for equal steps."),
    "queues": _Entry("fleet", "List the queues: what waits, who serves them."),
    "devices": _Entry("fleet", "List the workers and devices that are present."),
    "learned": _Entry("learned", "Show, freeze or reset what routes have learned."),
    "worker": _Entry("worker", "Run the workers of a Python module or file."),
    "check-worker": _Entry("check_worker", "Say what a worker in any language does wrong."),
    "bench": _Entry("bench", "Measure latency and throughput."),
}

_SECTIONS = {
    "dev": "Try it",
    "validate": "Write workflows",
    "run": "Run them",
    "history": "Understand runs",
    "signal": "Steer runs",
    "stats": "Operate",
}
"""The headings of the help, each by the first command under it."""


class _Commands(click.Group):
    """Knows the names and one-line helps; loads a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = _COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(f"stretto.cli.commands.{entry.module}")
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, _COMMANDS))
        rows: dict[str, list[tuple[str, str]]] = {}
        heading = ""
        for name, entry in _COMMANDS.items():
            heading = _SECTIONS.get(name, heading)
            rows.setdefault(heading, []).append((name.ljust(width), entry.help))
        for heading, commands_ in rows.items():
            with formatter.section(heading):
                formatter.write_dl(commands_)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], _COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else " See `stretto --help`."
            ctx.fail(f"expected a command, but {args[0]!r} is none.{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="stretto")
def commands() -> None:
    """Durable workflow orchestration over NATS.

    RUN is a run's id, the beginning of one that no other run has, or your own key of it. --json
    answers in JSON, errors too (on stderr).

    Exit codes: 0 completed, 1 the run failed, 2 asked wrongly, 3 not reachable.
    STRETTO_NATS_URL says where the bus is.

    Completion in bash: eval "$(_STRETTO_COMPLETE=bash_source stretto)"; zsh_source, fish_source.
    """


def main() -> None:
    """Run the command line; never returns."""
    # Errors are said once, by `exits`; log lines of the libraries would say them again.
    logging.getLogger("stretto").addHandler(logging.NullHandler())
    try:
        # Not "standalone": it would make an exit code of its own out of Ctrl-C.
        code = commands.main(prog_name="stretto", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - said and turned into a code
        end_with(error, as_json="--json" in sys.argv)
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
