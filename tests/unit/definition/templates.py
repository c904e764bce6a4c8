"""Templates that the tests use, and how a definition is loaded with them."""

import msgspec

from stretto.definition.loading import Loaded, load
from stretto.definition.templates import Library, Template, load_template

CHARGE = """\
template: charge
description: Charge a card and tell about it.
parameters:
  amount: {type: number, minimum: 0, description: How much.}
  currency: {type: string, enum: [EUR, USD], default: EUR}
  rate: {type: number, default: 2}
  tags: {type: array, default: [a, b]}
  note: {type: string, required: false}
  tell: {type: boolean, default: true}
steps:
  pay:
    task: payment.charge
    with: {amount: "${{ params.amount }}", tags: "${{ params.tags }}", note: "${{ params.note }}"}
    retry: {max_attempts: 3}
  log:
    if: params.tell && steps.pay.output.ok
    task: std.log
    with: {message: "${{ params.currency }} x ${{ double(params.amount) * params.rate }}"}
output: {id: "${{ steps.pay.output.id }}"}
"""

ORDER = """\
workflow: order
input: {type: object, properties: {total: {type: number}}}
steps:
  bill:
    use: charge
    with: {amount: "${{ input.total }}"}
  ship: {task: carrier.ship, with: {id: "${{ steps.bill.output.id }}"}}
"""


def template(
    text: str, version: int | None = None, library: Library | None = None, **fields: object
) -> Template:
    """Read a template without mistakes; with a version it is a registered one."""
    loaded = load_template(text, "template.yaml", library)
    assert [str(m) for m in loaded.mistakes] == []
    assert loaded.template is not None
    if version is None:
        return loaded.template
    return msgspec.structs.replace(loaded.template, version=version, file="", **fields)


def registered(*texts: str) -> Library:
    """A library of registered templates, each version 1 and the latest of its name."""
    library = Library()
    for text in texts:
        made = template(text, 1, library)
        library.add(made.name, made)
    return library


def loaded(text: str, *templates: str) -> Loaded:
    """Load a definition with registered templates."""
    return load(text, "order.yaml", registered(*templates))


def mistakes(text: str, *templates: str) -> list[str]:
    """The mistakes of a definition with registered templates, without the file."""
    return [str(m).removeprefix("order.yaml:") for m in loaded(text, *templates).mistakes]
