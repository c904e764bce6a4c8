"""`stretto templates`, `instantiate` and `expand`: what several workflows share."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.markup import escape

from stretto.cli.calling import Call, bus_command, call_options
from stretto.cli.commands.definitions import (
    labels_text,
    register,
    show_defined,
)
from stretto.cli.exits import EXIT_USAGE
from stretto.cli.printing import local_time, note, print_json, table
from stretto.cli.source_files import read_source, show_mistakes
from stretto.cli.template_files import look, sketched
from stretto.client import Client
from stretto.client.catalogue import instance_of
from stretto.contracts.catalogue import TemplateSummary, TemplateText
from stretto.contracts.versions import parse_ref
from stretto.definition import load
from stretto.definition.yaml_writer import write_yaml


@click.command("templates")
@click.argument("name", required=False)
@bus_command
async def templates_command(call: Call, name: str | None) -> None:
    """List the templates; with a NAME (or NAME@VERSION) print that one and its parameters."""
    client: Client
    async with call.client() as client:
        if name is not None:
            name, _, which = name.partition("@")
            found = await client.catalogue.template(name, which or None)
            if call.json:
                print_json(msgspec.to_builtins(found))
            else:
                click.echo(found.source, nl=not found.source.endswith("\n"))
            return
        templates = await client.catalogue.templates()
    if call.json:
        print_json({"templates": msgspec.to_builtins(templates)})
        return
    rows = [
        (
            escape(t.template),
            str(t.version),
            escape(labels_text(t.labels)),
            local_time(t.created_at),
            escape(parameters_text(t)),
            escape(t.description or ""),
        )
        for t in templates
    ]
    table(
        ("template", "latest", "labels", "since", "parameters", ""),
        rows,
        "No templates. `stretto apply FILE` adds one.",
    )


def parameters_text(template: TemplateSummary) -> str:
    """Write the parameters in short: `amount: number, currency?: string`."""
    return ", ".join(
        f"{p['name']}{'' if p.get('required') else '?'}: {_type(p)}" for p in template.parameters
    )


def _type(parameter: dict[str, Any]) -> str:
    kinds = parameter.get("type", "any")
    return kinds if isinstance(kinds, str) else "|".join(kinds)


@click.command("instantiate")
@click.argument("template")
@click.option(
    "-p",
    "--param",
    "params",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter: JSON where it parses, else text.",
)
@click.option("--as", "name", metavar="NAME", help="Of the workflow; else that of the template.")
@click.option("--apply", "apply_", is_flag=True, help="Register it instead of printing it.")
@bus_command
async def instantiate_command(
    call: Call, template: str, params: tuple[str, ...], name: str | None, *, apply_: bool
) -> None:
    """Make a workflow of TEMPLATE (or TEMPLATE@VERSION) with its parameters filled in."""
    try:
        reference = parse_ref(template)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    client: Client
    async with call.client() as client:
        which = reference.label if reference.version is None else reference.version
        found = await client.catalogue.template(reference.name, which)
        source = instance_of(template, arguments_of(params, found), name)
        expansion = await client.catalogue.expand(source, template)
        if apply_ and not expansion.mistakes:
            show_defined(call, await register(call, client, Path(template), source))
            return
    told = {
        "mistakes": expansion.mistakes,
        "warnings": expansion.warnings,
        "expanded": json.loads(bytes(expansion.expanded)),
        "uses": expansion.uses,
    }
    _show_expansion(call, told, template)


def arguments_of(params: tuple[str, ...], template: TemplateText) -> dict[str, Any]:
    """Read `key=value` options; what stands for a text is taken as it is (`zip=0123`)."""
    texts = {p["name"] for p in template.parameters if p.get("type") == "string"}
    arguments: dict[str, Any] = {}
    for param in params:
        key, separator, text = param.partition("=")
        if not separator or not key:
            raise click.UsageError(f"expected -p to be like key=value, but got {param!r}")
        arguments[key] = text if key in texts else _value(text)
    return arguments


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@click.command("expand")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@call_options
def expand_command(call: Call, files: tuple[Path, ...]) -> None:
    """Print a definition with its templates written out.

    Of FILES one is the definition; the others are templates. Templates that are none of them are
    asked of the server.
    """
    sources = sketched([(file, read_source(file)) for file in files])
    looked = look(sources, call)
    definitions = [one for one in sources if one.sketch.kind == "workflow"]
    if len(definitions) != 1:
        raise click.UsageError(f"expected one definition, but {len(definitions)} of FILES are one")
    file, source, _ = definitions[0]
    loaded = load(source, str(file), looked.library)
    mistakes = [m for one in looked.templates.values() for m in one.mistakes] + loaded.mistakes
    found: dict[str, Any] = {
        "mistakes": msgspec.to_builtins(mistakes),
        "warnings": msgspec.to_builtins(loaded.warnings),
    }
    if loaded.definition is not None:
        found |= {
            "expanded": loaded.definition.document.data,
            "uses": list(loaded.definition.uses),
        }
    _show_expansion(call, found, None)


def _show_expansion(call: Call, found: dict[str, Any], template: str | None) -> None:
    """Print the document, or its mistakes; `template` is what was asked for where there is no file
    that they are in."""
    if call.json:
        print_json(found)
    elif found["mistakes"]:
        for mistake in found["mistakes"]:
            if template is None:
                show_mistakes([mistake], Path(mistake["file"]))
            else:
                hint = f"; {mistake['suggestion']}" if mistake.get("suggestion") else ""
                click.echo(f"{template}: {mistake['path']}: {mistake['reason']}{hint}")
    else:
        click.echo(write_yaml(found["expanded"]), nl=False)
        if found["uses"]:
            note(f"with {', '.join(found['uses'])}")
    if found["mistakes"]:
        sys.exit(EXIT_USAGE)
