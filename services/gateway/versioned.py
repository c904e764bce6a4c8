"""Definitions and templates in one of their versions, as the workflow service keeps them."""

from services.gateway.bodies import named
from services.gateway.gate import Gate
from stretto.client.starting import version_of


async def definition(gate: Gate, namespace: str, name: str, which: str) -> bytes:
    """Give a definition, as JSON; `which` is a version, a label or `latest`."""
    return await _kept(gate, "definition", namespace, which, workflow=named("workflow", name))


async def template(gate: Gate, namespace: str, name: str, which: str) -> bytes:
    """Give a template, as JSON; `which` is a version, a label or `latest`."""
    return await _kept(gate, "template", namespace, which, template=named("template", name))


async def _kept(gate: Gate, operation: str, namespace: str, which: str, **name: str) -> bytes:
    version, label = version_of(which)
    where = named("namespace", namespace)
    return await gate.ask(
        "workflow", operation, namespace=where, version=version, version_label=label, **name
    )
