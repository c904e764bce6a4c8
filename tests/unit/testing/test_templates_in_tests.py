"""Workflows that use templates are tested with the files of these."""

from pathlib import Path

import pytest

from stretto.testing import run_workflow
from stretto.testing.files import run_files
from stretto.testing.running import DefinitionWrong

CHARGE = """
template: charge
parameters: {amount: {type: number}}
steps:
  pay: {task: payment.charge, with: {amount: "${{ params.amount }}"}}
output: {id: "${{ steps.pay.output.id }}"}
"""

ORDER = """
workflow: order
input: {type: object, properties: {total: {type: number}}}
steps:
  bill: {use: charge, with: {amount: "${{ input.total }}"}}
output: {paid: "${{ steps.bill.output.id }}"}
"""

TESTS = """
workflow: order.yaml
templates: charge.yaml
tests:
  - name: it is charged
    input: {total: 5}
    tasks: {payment.charge: {output: {id: 7}}}
    expect: {output: {paid: 7}, steps: {bill.pay: {input: {amount: 5}}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("charge", CHARGE), ("order", ORDER), ("order.test", TESTS)):
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def test_a_file_of_tests_names_the_templates(folder: Path) -> None:
    (result,) = run_files([folder / "order.test.yaml"])
    assert [str(mistake) for mistake in result.mistakes] == []
    assert result.passed
    assert result.coverage[0].steps == {"bill", "bill.pay"}


def test_a_template_that_is_not_named_or_wrong_is_a_mistake(folder: Path) -> None:
    file = folder / "order.test.yaml"
    file.write_text(TESTS.replace("templates: charge.yaml\n", ""))
    (result,) = run_files([file])
    assert "charge" in str(result.mistakes[0])
    file.write_text(TESTS)
    (folder / "charge.yaml").write_text(CHARGE.replace("task: payment.charge", "tsk: x"))
    (result,) = run_files([file])
    assert any(f"{folder}/charge.yaml:5:" in str(mistake) for mistake in result.mistakes)
    (folder / "charge.yaml").write_text("- [")
    (result,) = run_files([file])
    assert result.mistakes


def test_python_tests_take_templates_as_paths_or_texts(folder: Path) -> None:
    tasks = {"payment.charge": {"id": 7}}
    for template in (folder / "charge.yaml", CHARGE):
        outcome = run_workflow(ORDER, {"total": 5}, tasks=tasks, templates=[template])
        assert outcome.output == {"paid": 7}
    with pytest.raises(DefinitionWrong, match="charge"):
        run_workflow(ORDER, {"total": 5}, tasks=tasks)
