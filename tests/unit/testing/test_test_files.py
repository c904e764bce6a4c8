"""Files of tests: what they may say, what is wrong with one, and what is said of how they went."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from stretto.cli.commands.test import test_command as command
from stretto.testing.files import FileResult, find, run_files
from stretto.testing.scene import Coverage

WORKFLOW = """
workflow: claims
input: {type: object, properties: {sum: {type: integer}, boss: {type: string}}}
on_failure: compensate
steps:
  open: {task: claim.open, compensate: {task: claim.close}}
  check: {needs: [open], if: "${{ input.sum > 10 }}", approval: {by: [ann], timeout: 7d}}
  decided: {signal: decided, needs: {any: [check]}, if: "${{ always() && !failed() }}"}
  pay:
    needs: [decided]
    task: bank.pay
    with: {sum: "${{ input.sum }}"}
    retry: {max_attempts: 2, interval: 10s, jitter: 0}
    catch:
      - on: [NoFunds]
        steps: {tell: {emit: {say: later}}}
output: {paid: "${{ steps.pay.output }}"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "claims.yaml").write_text(WORKFLOW)
    return tmp_path


def run(folder: Path, tests: str, name: str = "a.test.yaml") -> FileResult:
    (folder / name).write_text(f"workflow: claims.yaml\n{tests}")
    return next(iter(run_files([folder / name])))


def told(result: FileResult) -> list[str]:
    assert not result.mistakes, result.mistakes
    return [str(each) for test in result.tests for each in test.differences]


def test_what_stops_a_run_on_its_way_is_an_outcome_too(folder: Path) -> None:
    result = run(
        folder,
        """
tests:
  - name: a claim that cannot be closed waits for a person
    input: {sum: 50}
    tasks: {claim.close: {fails: {type: Jammed, message: no way back, retryable: false}}}
    do: [{reject: check, by: ann}]
    until: 3d
    expect: {status: blocked}
""",
    )
    assert told(result) == []


def test_a_run_whose_key_is_none_is_refused(folder: Path) -> None:
    (folder / "claims.yaml").write_text(
        "workflow: claims\ninput: {type: object}\nconcurrency: {key: '${{ input.k }}'}\n"
        "steps: {a: {task: t}}\n"
    )
    result = run(
        folder,
        """
tests:
  - {name: a key, input: {k: one}, expect: {status: completed}}
  - name: no key
    input: {k: [1]}
    expect: {status: refused, failure: concurrency_key_invalid}
""",
    )
    assert told(result) == []


def test_everything_that_may_be_expected_is_compared(folder: Path) -> None:
    result = run(
        folder,
        """
tasks: {claim.open: {output: {id: 4}}}
tests:
  - name: small and paid at the second try
    input: {sum: 5}
    tasks: {bank.pay: [{fails: Slow, takes: 2s}, {output: {ref: r1, more: 1}, takes: 1m}]}
    do: [{at: 1h, signal: decided, with: {ok: true}, by: ann}]
    expect:
      status: completed
      output: {paid: {ref: r1, more: 1}}
      path: [open, decided, pay]
      ran: [open, pay]
      skipped: check
      not_run: [check, pay~catch.tell]
      steps:
        pay: {status: completed, attempts: 2, input: {sum: 5}, output: {ref: r1}}
        decided: {output: {ok: true}}
        pay~catch.tell: {status: pending}
      calls: {bank.pay: 2, claim.close: 0}
      emitted: []
      took: 1h1m12s
  - name: no funds are told
    input: {sum: 5}
    steps: {pay: {fails: {type: NoFunds, message: empty, retryable: false}}}
    do: [{signal: decided}]
    expect: {emitted: [{say: later}], ran: [pay, pay~catch.tell]}
  - name: a claim that is refused is closed
    input: {sum: 50}
    do: [{at: 2d, reject: check, by: ann, reason: a fraud}]
    expect:
      failure: Rejected
      message: fraud
      steps: {check: {status: failed, failure: Rejected}}
      compensated: open
      took: {at_least: 2d, at_most: 3d}
  - name: nobody decides
    input: {sum: 5}
    until: 3d
    expect: {status: running, steps: {decided: {status: waiting}}}
  - name: the bank never answers
    input: {sum: 5}
    tasks: {bank.pay: {held: true}}
    do: [{signal: decided}, {at: 5s, pause: }, {at: 6s, resume: enough}, {at: 7s, cancel: }]
    expect: {status: cancelled}
  - name: one sum is paid and another is not
    input: {sum: 7}
    tasks:
      bank.pay: [{when: {sum: 7}, output: null}, {when: {sum: 8}, fails: Odd}]
    do: [{signal: decided}]
    expect: {output: {paid: null}}
  - name: an input of another type
    input: {sum: much}
    expect: {status: refused, failure: input_invalid}
""",
    )
    assert told(result) == []
    assert len(result.tests) == 7
    (coverage,) = result.coverage
    assert coverage.steps == {"open", "check", "decided", "pay", "pay~catch.tell"}
    assert "pay: catch NoFunds" in coverage.branches_hit
    assert coverage.missed == ["check: if held"] or coverage.percent == 100.0


def test_differences_are_told_with_what_is_and_the_line(folder: Path) -> None:
    result = run(
        folder,
        """
tests:
  - name: all is otherwise
    input: {sum: 5}
    tasks: {bank.pay: {output: {ref: [1, {a: 2}], more: true}}}
    do: [{signal: decided}]
    expect:
      status: failed
      failure: Odd
      message: odd
      output: {paid: {ref: [1, {a: 3}], none: 1}}
      path: [open]
      ran: [pay, open]
      skipped: [open, pay~catch.tell]
      not_run: [pay]
      compensated: [open]
      steps:
        check: {status: completed}
        pay: {attempts: 2, failure: Odd, input: {sum: 6}, output: {more: 1}}
        pay~catch.tell: {output: 1}
      calls: {bank.pay: 3}
      emitted: [1]
      took: 1s
""",
    )
    assert told(result) == [
        "status: expected failed, but it is completed",
        "failure: expected Odd, but it is none",
        "message: expected it to hold 'odd', but it is ''",
        "output.paid.ref[1].a: expected 3, but it is 2",
        "output.paid.none: expected 1, but there is none",
        "output.paid.more: expected none, but it is true",
        "path: expected open, but it is open → decided → pay",
        "compensated: expected open, but it is none",
        "ran: expected open after pay, but the order is open → decided → pay",
        "skipped: expected open to be skipped, but it is completed",
        "skipped: expected pay~catch.tell to be skipped, but it is pending (the run did not come "
        "to it)",
        "not_run: expected pay not to run, but it is completed",
        "steps.check: expected completed, but it is skipped (condition)",
        "steps.pay: expected 2 attempts, but there were 1",
        "steps.pay: expected failure Odd, but it is none",
        "steps.pay: input.sum: expected 6, but it is 5",
        "steps.pay: output.more: expected 1, but it is true",
        "steps.pay~catch.tell: expected it to run, but the run did not come to it",
        "calls.bank.pay: expected 3 calls, but there were 1",
        "emitted: expected [1], but it is []",
        "took: expected 1s, but it took 0ms",
    ]
    assert [each.line for each in result.tests[0].differences][:4] == [9, 10, 11, 12]


def test_bounds_of_time_and_steps_that_did_not_run_are_told(folder: Path) -> None:
    result = run(
        folder,
        """
tests:
  - {name: slow, input: {sum: 5}, do: [{at: 2s, signal: decided}], expect: {took: {at_most: 1s}}}
  - {name: fast, input: {sum: 5}, do: [{signal: decided}], expect: {took: {at_least: 1s}}}
  - {name: skipped, input: {sum: 5}, do: [{signal: decided}], expect: {ran: [check]}}
  - {name: open, input: {sum: 5}, expect: {}}
  - {name: unasked, input: {sum: 5}}
  - {name: broken, input: {sum: 5}, tasks: {claim.open: {fails: Odd}}, expect: {failure: Even}}
""",
    )
    waits = "step 'decided' waits for the signal 'decided'"
    assert told(result) == [
        "took: expected at most 1s, but it took 2s",
        "took: expected at least 1s, but it took 0ms",
        "ran: expected check to run, but it is skipped",
        f"status: expected completed, but it is running: {waits}",
        f"status: expected completed, but it is running: {waits}",
        "failure: expected Even, but it is Odd: it broke",
    ]


def test_every_mistake_of_a_file_is_told_at_once_with_place_and_suggestion(folder: Path) -> None:
    result = run(
        folder,
        """
task: {}
tasks: {claim.opn: {output: 1}, claim.open: [], bank.pay: 5}
steps: {payy: {fails: [1]}}
tests:
  - {input: {}}
  - name: a
    tasks: {bank.pay: {output: 1, fails: Odd, held: true}, claim.open: [1]}
    do:
      - 7
      - {at: 1s}
      - {signal: decidd}
      - {approve: chek}
      - {approve: [check]}
      - {approve: check, reject: check}
    expect:
      status: complete
      path: [opn, {}]
      steps: {pay: {status: done}, payed: {}}
      calls: {bank.pya: 1}
  - {name: a}
""",
    )
    said = [str(mistake).removeprefix(f"{folder}/a.test.yaml:") for mistake in result.mistakes]
    assert all(line.partition(":")[0].isdigit() for line in said)
    text = "\n".join(said)
    for part in (
        'task: expected a known key, but got "task"; did you mean "tasks"?',
        'tests[0]: expected a test (a mapping) to have "name", but it has not',
        "expected from 1 to 10000 answers, but got an empty list",
        'tasks["bank.pay"]: expected an answer (a mapping with output or fails), but got '
        "the integer 5; write {output: 5}",
        "expected one of output, fails, held and reused, but got output and fails and held",
        "expected what is done (a mapping such as {at: 2h, signal: go}), but got the integer 7",
        "expected one of signal, approve, reject, skip, retry, rewind, cancel, terminate, pause, "
        "resume, but got none",
        "but got approve and reject",
        'expected the step of "approve", but got a list',
        "tests[1].expect.status: expected a status",
        'did you mean "completed"?',
    ):
        assert part in text, part
    assert not result.tests


def test_names_that_the_workflow_does_not_have_are_mistakes(folder: Path) -> None:
    result = run(
        folder,
        """
tasks: {claim.opn: {output: 1}}
steps: {payy: {fails: Odd}}
tests:
  - name: a
    do: [{signal: decidd}, {approve: chek}]
    expect: {path: [opn], steps: {opens: {}}, calls: {bank.pya: 1}}
  - {name: a}
""",
    )
    said = [f"{m.line} {m.code} {m.suggestion}" for m in result.mistakes]
    assert said == [
        '3 unknown_task did you mean "claim.open"?',
        '4 unknown_step did you mean "pay"?',
        '7 unknown_signal did you mean "decided"?',
        '7 unknown_step did you mean "check"?',
        '8 unknown_step did you mean "open"?',
        '8 unknown_step did you mean "open"?',
        '8 unknown_task did you mean "bank.pay"?',
        "9 duplicate ",
    ]


def test_mistakes_of_the_workflow_and_files_that_are_not_there_are_told(folder: Path) -> None:
    (folder / "claims.yaml").write_text("workflow: claims\nsteps: {a: {tsk: t}}\n")
    result = run(folder, "children: [clams.yaml]\ntests: [{name: a}]\n")
    said = [str(mistake) for mistake in result.mistakes]
    assert said[0].startswith(f'{folder}/a.test.yaml:2:12: children[0]: expected to read "')
    assert said[0].endswith('did you mean "claims.yaml"?')
    assert said[1].startswith(f"{folder}/claims.yaml:2:")
    assert run(folder, "- 1\n").mistakes, "no YAML"
    (folder / "list.test.yaml").write_text("- 1\n")
    (listed,) = run_files([folder / "list.test.yaml"])
    assert "expected a mapping with the keys workflow and tests" in str(listed.mistakes[0])
    assert run(folder, "tests: [{name: a, expect: 7, do: [5]}]\n").mistakes


def test_a_run_without_an_end_is_an_error_of_its_test_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.testing.world.MAX_EVENTS", 3)
    result = run(folder, "tests: [{name: a, input: {sum: 1}}, {name: b, input: {sum: x}}]\n")
    assert "expected at most 3 events" in (result.tests[0].error or "")
    assert not result.passed
    assert result.tests[1].error is None


def call(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(command, [str(each) for each in arguments])
    assert done.exit_code == code, done.output
    return done.output


GOOD = "tests: [{name: small, input: {sum: 1}, do: [{signal: decided}]}]\n"
BAD = "tests: [{name: big, input: {sum: 99}, do: [{signal: decided, by: x}, {skip: pay}]}]\n"


def test_a_mistake_is_counted_as_one_and_several_as_several(folder: Path) -> None:
    (folder / "a.test.yaml").write_text("workflow: claims.yaml\ntests: [{name: x, inputs: 1}]\n")
    assert "0 passed, 1 mistake;" in call(folder, code=2)
    (folder / "a.test.yaml").write_text("workflow: claims.yaml\ntests: [{name: x, a: 1, b: 1}]\n")
    assert "0 passed, 2 mistakes;" in call(folder, code=2)


def test_the_command_tells_tests_coverage_and_exits_as_they_went(folder: Path) -> None:
    run(folder, GOOD)
    said = call(folder)
    assert f"✓ {folder}/a.test.yaml: small  (0ms)" in said.replace("\n", "").replace("  ", "  ")
    assert "claims: 4" in said or "claims: 5" in said or "claims: 6" in said
    assert "not run: check: if held" in said
    assert "1 passed; coverage" in said
    run(folder, BAD, "b.test.yaml")
    said = call(folder, "-v", code=1)
    assert "✗" in said
    assert "refused: step_not_open" in said
    assert "run.started" in said
    assert "1 passed, 1 failed" in said
    call(folder, "-k", "small")
    assert "no test has such a name" in call(folder, "-k", "nobody", code=2)


def test_too_little_coverage_fails(folder: Path) -> None:
    run(folder, GOOD)
    assert "expected a coverage of 99 %" in call(folder, "--fail-under", "99", code=1)
    call(folder, "--fail-under", "10")


def test_mistakes_end_with_2_and_so_do_files_that_cannot_be_read(folder: Path) -> None:
    run(folder, "tests: [{name: a, expct: {}}]\n")
    assert 'did you mean "expect"?' in call(folder, code=2)
    assert "expected to read" in call(folder / "none.yaml", code=2)
    (folder / "empty").mkdir()
    assert "found none" in call(folder / "empty", code=2)
    (folder / "b.test.yaml").write_bytes(b"\xff\xfe")
    assert "to be text" in call(folder / "b.test.yaml", code=2)


def test_all_of_it_is_given_as_json_and_as_junit(folder: Path) -> None:
    run(folder, GOOD)
    run(folder, BAD, "b.test.yaml")
    run(folder, "tests: [{name: a, expct: {}}]\n", "c.test.yaml")
    file = folder / "report.xml"
    data = json.loads(call(folder, "--json", "--junit", file, code=2))
    assert data["passed"] is False
    assert [(t["name"], t["passed"]) for t in data["tests"]] == [("small", True), ("big", False)]
    assert data["tests"][1]["differences"][0]["what"] == "status"
    assert data["mistakes"][0]["suggestion"] == 'did you mean "expect"?'
    assert data["coverage"]["workflows"][0]["workflow"] == "claims"
    assert set(data["coverage"]["files"]) == {f"{folder}/{n}.test.yaml" for n in "abc"}
    suites = ET.parse(file).getroot()
    assert [(s.get("tests"), s.get("failures"), s.get("errors")) for s in suites] == [
        ("1", "0", "0"),
        ("1", "1", "0"),
        ("1", "0", "1"),
    ]
    assert suites.find(".//failure") is not None
    assert "expected to write" in call(folder, "--junit", folder / "no" / "x.xml", code=2)


def test_an_error_is_told_in_lines_json_and_junit(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.testing.world.MAX_EVENTS", 3)
    run(folder, GOOD)
    file = folder / "report.xml"
    assert "to its end" in call(folder, code=1)
    assert (
        "to its end"
        in json.loads(call(folder, "--json", "--junit", file, code=1))["tests"][0]["error"]
    )
    assert ET.parse(file).getroot().find(".//error") is not None


def test_a_folder_stands_for_the_files_of_tests_in_it(tmp_path: Path) -> None:
    for name in ("b.test.yaml", "a_test.yml", "c.yaml", "sub/d.test.yml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    found = find([tmp_path, tmp_path / "c.yaml", tmp_path / "b.test.yaml"])
    assert [str(path.relative_to(tmp_path)) for path in found] == [
        "a_test.yml",
        "b.test.yaml",
        "sub/d.test.yml",
        "c.yaml",
    ]


def test_coverage_of_nothing_is_whole() -> None:
    assert Coverage("w").percent == 100.0


def test_a_long_list_of_what_was_missed_and_a_long_story_are_cut(tmp_path: Path) -> None:
    steps = "\n".join(f"  s{n}: {{task: t, if: '${{{{ false }}}}'}}" for n in range(70))
    (tmp_path / "w.yaml").write_text(f"workflow: w\nsteps:\n{steps}\n")
    (tmp_path / "a.test.yaml").write_text(
        "workflow: w.yaml\ntests: [{name: a, expect: {status: failed}}]\n"
    )
    said = call(tmp_path, "-v", code=1)
    assert "events before" in said
    assert "and 120 more" in said
