"""What the language has but this version does not yet is understood, and said to be so."""

import pytest

from stretto.definition import check
from stretto.definition.kinds import KINDS, UPCOMING_FIELDS, UPCOMING_KINDS

WHOLE = """\
workflow: order-fulfilment
input:
  type: object
  required: [order_id, items]
  properties: {order_id: {type: string}, items: {type: array}, total: {type: number}}
steps:
  reserve:
    task: inventory.reserve
    with: {items: "${{ input.items }}"}
  scan:
    needs: [reserve]
    for_each: ${{ input.items }}
    task: scanner.read
    with: {sku: "${{ item.sku }}"}
    route:
      where: ${{ 'scanner' in device.capabilities && device.attributes.site == input.site }}
      prefer: least_loaded
      otherwise: [{queue: manual-scan}]
    resources: {dock: 1}
  outcome:
    needs: [scan]
    switch:
      - if: ${{ steps.scan.output.all(s, s.ok) }}
        then: ship
      - else: review
  ship:   {needs: [outcome], task: carrier.ship, with: {order: "${{ input.order_id }}"}}
  review: {needs: [outcome], approval: {by: [ops], timeout: 24h}}
  told:   {emit: {type: done}, if: "${{ steps.review.status == 'completed' }}"}
"""


def test_a_definition_of_the_whole_language_has_only_these_mistakes() -> None:
    said = [(m.line, m.path, m.code) for m in check(WHOLE)]

    assert said == []


@pytest.mark.parametrize("kind", UPCOMING_KINDS)
def test_a_kind_that_is_still_to_come_is_the_only_mistake(kind: str) -> None:
    text = f"workflow: w\nsteps: {{a: {{{kind}: x}}, b: {{task: t, needs: a}}}}\n"

    assert [m.code for m in check(text)] == ["not_supported"]


@pytest.mark.parametrize("field", UPCOMING_FIELDS)
def test_a_field_that_is_still_to_come_is_the_only_mistake(field: str) -> None:
    text = f"workflow: w\nsteps: {{a: {{task: t, {field}: x}}}}\n"

    assert [m.code for m in check(text)] == ["not_supported"]


def test_nothing_is_both_here_and_still_to_come() -> None:
    assert not set(KINDS) & set(UPCOMING_KINDS)
