"""A document with every part of the language in it."""

from stretto.definition import check

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


def test_a_definition_of_the_whole_language_has_no_mistake() -> None:
    assert [(m.line, m.path, m.code) for m in check(WHOLE)] == []
