"""A command with commands of its own: in the order in which they are needed, helps uncut."""

from __future__ import annotations

import inspect

import click


class CommandGroup(click.Group):
    """Lists its commands in the order of their definition, each with its whole first sentence."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, _first(command)) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _first(command: click.Command) -> str:
    text = inspect.cleandoc(command.help or "").partition("\n\n")[0]
    return " ".join(text.split())
