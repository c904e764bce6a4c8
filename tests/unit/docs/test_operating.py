"""The page about operating names what there is."""

import re
from pathlib import Path

import click

from services.workflow.core.controlling import COMMANDS
from stretto.cli.main import commands
from stretto.client.remedies import REMEDIES

DOCS = Path(__file__).resolve().parents[3] / "docs"
TEXT = (DOCS / "operating.md").read_text()
CONTROLS = (
    *("signal", "approve", "reject", "pause", "resume", "retry", "skip", "rewind", "cancel"),
    "terminate",
)


def test_every_command_that_is_named_exists() -> None:
    known = commands.list_commands(click.Context(commands))
    named = set(re.findall(r"`stretto ([a-z]+)", TEXT)) | set(CONTROLS)
    assert sorted(named - set(known)) == []


def test_every_control_is_told_and_takes_who_and_why() -> None:
    assert set(CONTROLS) <= set(COMMANDS)
    for name in CONTROLS:
        assert re.search(rf"`(stretto )?{name}\b", TEXT), name
        command = commands.get_command(click.Context(commands), name)
        assert command is not None
        options = {o for p in command.params for o in p.opts}
        assert {"--by", "--reason", "--json"} <= options


def test_every_remedy_is_of_a_code_that_has_its_line() -> None:
    errors = (DOCS / "errors.md").read_text()
    assert [code for code in REMEDIES if f"`{code}`" not in errors] == []


def test_the_example_of_a_worker_is_python() -> None:
    [example] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    compile(example, "operating.md", "exec")
