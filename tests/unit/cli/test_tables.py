"""`stretto explain-table`: what decisions are compiled to."""

import json
from pathlib import Path

from click.testing import CliRunner

from stretto.cli.commands.tables import explain_table_command

DEFINITION = """\
workflow: fees
input:
  type: object
  properties:
    total: {type: integer, minimum: 0}
    region: {type: string}
    items: {type: array}
steps:
  outer:
    steps:
      fee:
        decide:
          inputs: {total: input.total, again: input.total, region: input.region, spare: input.items}
          hit: first
          rules:
            - {when: {total: "< 100", region: "eu, us"}, then: 1}
            - {when: {total: "[100..1000)", region: not(asia)}, then: 2}
            - {when: {total: "${{ value % 2 == 0 }}", region: asia}, then: 3}
            - {when: {total: "${{ value % 2 == 0 }}", again: "5"}, then: 4}
          otherwise: 0
  way:
    switch:
      - {if: input.region == 'eu', then: a}
      - {if: "input.region in ['us', 'ca']", then: b}
      - {if: "size(input.items) > 3 && input.total == 1", then: c}
      - {if: size(input.items) > 3, then: d}
      - {else: e}
  a: {fail: a}
  b: {fail: b}
  c: {fail: c}
  d: {fail: d}
  e: {fail: e}
output: ${{ steps.outer.output }}
"""

TABLE = """\
outer.fee: a decision table: 4 rules, 4 inputs, hit first
asked in this order:
  1. region (input.region): a map of 3 texts; leaves 2.3 rules on average
  2. total (input.total): a sorted index of 2 numbers; leaves 2.7 rules on average
  3. again (input.total): a map of 1 numbers; leaves 3.5 rules on average
  4. spare (input.items): no index: only booleans, null or nothing; leaves 4.0 rules on average
  then, of rules that are left, 2 conditions that are expressions
tree:
  region not("asia", "eu", "us")
"""


def explained(tmp_path: Path, *options: str, text: str = DEFINITION) -> tuple[int, str]:
    file = tmp_path / "fees.yaml"
    file.write_text(text)
    result = CliRunner().invoke(explain_table_command, [str(file), *options])
    return result.exit_code, result.output


def test_a_table_is_shown_with_its_order_its_tree_and_what_was_changed(tmp_path: Path) -> None:
    code, said = explained(tmp_path)

    assert code == 0
    assert said.startswith(TABLE)
    assert "    total [100..1000) → rule 1\n" in said
    assert "      again 5 → rule 3, if their expressions hold\n" in said
    for change in (
        "  6 conditions became 3 looks into an index\n",
        "  inputs are asked in the order region, total, again, spare: what leaves the fewest",
        "  total, again: the same expression, worked out once\n",
        "  `value % 2 == 0` of rules 2, 3 is asked once at most\n",
        "  spare: no rule asks for it, it is worked out only if used\n",
    ):
        assert change in said, change


def test_a_switch_is_shown_with_its_maps_and_shared_terms(tmp_path: Path) -> None:
    code, said = explained(tmp_path, "--step", "way")

    assert (code, said) == (
        0,
        """\
way: a switch: 5 cases
asked in this order:
  cases 0–1: one look into a map of 3 values of input.region
  case 2: `size(input.items) > 3`, then `input.total == 1`
  case 3: `size(input.items) > 3`
  case 4: else
changed:
  2 tests of input.region became one look into a map
  `size(input.items) > 3` is worked out once for cases 2, 3

""",
    )


def test_it_can_be_read_by_programs(tmp_path: Path) -> None:
    code, said = explained(tmp_path, "--json")

    assert code == 0
    assert set(json.loads(said)) == {"outer.fee", "way"}


def test_a_wrong_definition_is_told_so(tmp_path: Path) -> None:
    code, said = explained(tmp_path, text="workflow: x\nsteps: {a: {decide: {inputs: {}}}}\n")

    assert code == 2
    assert "steps.a.decide" in said


def test_a_step_that_decides_nothing_is_told_so(tmp_path: Path) -> None:
    code, said = explained(tmp_path, "--step", "a")

    assert code == 2
    assert "expected 'a' to be a table or a switch" in said
