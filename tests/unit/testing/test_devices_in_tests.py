"""Devices of tests: attempts with a route go to them, in virtual time."""

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from stretto.cli.commands.test import test_command as command
from stretto.testing import Fails, Given, Takes, When, open_world, run_workflow

SCAN = """
workflow: scan
input: {type: object, properties: {site: {type: string}}}
steps:
  read:
    for_each: [1, 2, 3]
    task: scanner.read
    retry: {max_attempts: 2, interval: 1s, jitter: 0}
    route:
      where: ${{ 'scanner' in device.capabilities && device.attributes.site == input.site }}
      prefer: [{if: "device.labels.zone == 'cold'", weight: 2}]
      OTHERWISE
output: ${{ steps.read.output }}
"""
SCANNER = {"capabilities": ["scanner"], "attributes": {"site": "north"}}
DEVICES = {"a": SCANNER, "b": {**SCANNER, "labels": {"zone": "cold"}}, "c": {}}
NORTH = {"site": "north"}


def scan(otherwise: str = "") -> str:
    return SCAN.replace("OTHERWISE", otherwise)


def test_attempts_go_to_devices_that_fit_and_wait_for_a_free_slot() -> None:
    outcome = run_workflow(
        scan(), NORTH, devices=DEVICES, tasks={"scanner.read": lambda a: Takes(60, a.device)}
    )

    assert outcome.status == "completed"
    assert outcome.output == ["b", "a", "b"]
    assert [outcome.step(f"read[{i}]").device for i in range(3)] == ["b", "a", "b"]
    assert outcome.took_s == 120
    assert "bound read[0]" in [told for _, told in outcome.story]


def test_a_retry_goes_to_another_device() -> None:
    reads = Given(When(None, Fails("Dirty"), "b"), {"ok": True})
    only = scan().replace("[1, 2, 3]", "[1]")

    outcome = run_workflow(only, NORTH, devices=DEVICES, tasks={"scanner.read": reads})

    assert outcome.status == "completed"
    assert outcome.step("read[0]").device == "a"
    assert [call.device for call in outcome.calls] == ["b", "a"]


@pytest.mark.parametrize(
    ("otherwise", "status", "took_s", "device"),
    [
        ("otherwise: [{wait: 5m}, {queue: by-hand}]", "completed", 300, None),
        ("otherwise: [{wait: 5m}, {fail: no scanner here}]", "failed", 601, None),
        ("otherwise: [{wait: 5m}]", "running", 300, None),
        ("", "running", 0, None),
    ],
)
def test_where_nobody_fits_the_ways_out_are_taken(
    otherwise: str, status: str, took_s: float, device: str | None
) -> None:
    outcome = run_workflow(scan(otherwise), {"site": "south"}, devices=DEVICES, until="1h")

    assert outcome.status == status
    if status == "failed":
        assert outcome.failure is not None
        assert (outcome.failure.type, "no scanner here" in outcome.failure.message) == (
            "NoDevice", True,
        )  # fmt: skip
    if status != "running":
        assert outcome.took_s == took_s
    assert outcome.step("read[0]").device == device


def test_without_devices_routes_are_not_looked_at() -> None:
    assert run_workflow(scan(), {"site": "nowhere"}).status == "completed"


def test_a_route_that_cannot_be_worked_out_fails_the_attempt() -> None:
    text = """
workflow: w
input: {type: object, properties: {key: {}}}
steps: {a: {task: t, route: {prefer: {sticky: "${{ input.key.x }}"}}}}
"""

    outcome = run_workflow(text, {"key": 1}, devices={"a": {}})

    assert outcome.failure is not None and outcome.failure.type == "NoDevice"
    assert "input.key" in outcome.failure.message


def test_a_slot_is_free_again_when_its_attempt_is_withdrawn() -> None:
    text = scan().replace(
        "    retry: {max_attempts: 2, interval: 1s, jitter: 0}\n", "    join: any\n"
    )
    world = open_world(
        text, devices={"a": SCANNER}, tasks={"scanner.read": lambda a: Takes(60, a.step)}
    )
    run = world.start("scan", NORTH)
    other = world.start("scan", NORTH)
    world.advance(1)

    world.control(run, "terminate")

    world.advance(60)
    assert other.status == "completed"
    assert other.output == ["read[0]", None, None]


def test_devices_that_a_test_names_wrongly_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="slots"):
        run_workflow(scan(), NORTH, devices={"a": {"slots": "two"}})


FLEET = """
workflow: update
steps:
  flash:
    for_each: {devices: "${{ device.labels.ring == 'edge' }}", at_least: 1}
    task: firmware.install
    with: {device: "${{ item.name }}"}
output: ${{ steps.flash.output }}
"""
TESTS = """
workflow: update.yaml
devices:
  d-1: {labels: {ring: edge}, slots: 2}
  d-2: {labels: {ring: core}, attributes: {x: [1]}, queue: q, tasks: [firmware.install]}
tests:
  - name: the edge is updated
    expect: {output: [{}], steps: {"flash[0]": {device: d-1}}}
  - name: one device more is updated and fails
    devices: {d-3: {labels: {ring: edge}}}
    tasks: {firmware.install: [{device: d-3, fails: Broken}, {output: {}}]}
    expect: {failure: Broken, steps: {"flash[0]": {status: completed}}}
  - name: it goes elsewhere
    expect: {steps: {"flash[0]": {device: d-2}}}
"""


def called(folder: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(command, [str(folder / arguments[0]), *arguments[1:]])
    return done.exit_code, done.output


def test_files_of_tests_name_devices(tmp_path: Path) -> None:
    (tmp_path / "update.yaml").write_text(FLEET)
    (tmp_path / "update.test.yaml").write_text(TESTS)

    code, output = called(tmp_path, "update.test.yaml")

    assert code == 1
    assert [line[:1] for line in output.splitlines() if ": " in line][:2] == ["✓", "✓"]
    assert "expected it to go to d-2, but it went to d-1" in output


def test_a_device_that_is_written_wrongly_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "update.yaml").write_text(FLEET)
    wrong = TESTS.replace("slots: 2", "slot: 2").replace("d-3: {labels", "D 3: {labels")
    (tmp_path / "update.test.yaml").write_text(wrong)

    code, output = called(tmp_path, "update.test.yaml")

    assert code == 2
    assert 'devices.d-1.slot: expected a known key, but got "slot"; did you mean "slots"?' in output
    assert "expected the name of a device" in output


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (FLEET, "the definition of a workflow"),
        ("template: t\nsteps: {a: {task: t}}\n", "a template"),
        ("schedule: s\nworkflow: update\nevery: 1h\n", "a schedule"),
        ("label: stable\nworkflow: update\nversion: 1\n", "a label"),
    ],
)
def test_another_document_is_told_in_one_sentence(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "x.yaml").write_text(text)

    code, output = called(tmp_path, "x.yaml")

    assert code == 2
    assert f"but this is {what}; write the tests into a file of their own" in output
    assert output.count("expected") == 1


def test_a_file_of_tests_without_tests_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("workflow: update.yaml\nsteps: {}\n")

    code, output = called(tmp_path, "x.yaml", "--json")

    assert code == 2
    assert "tests" in json.dumps(output)


def test_a_retry_waits_for_another_device_that_is_busy() -> None:
    text = """
workflow: w
steps:
  one: {task: t, route: {where: device.name == 'b'}}
  two: {task: u, retry: {max_attempts: 2, interval: 1s, jitter: 0}, route: {prefer: least_loaded}}
"""
    replies = {"t": Takes(60, 1), "u": Given(When(None, Fails(), "a"), 2)}

    outcome = run_workflow(text, devices={"a": {}, "b": {}}, tasks=replies)

    assert outcome.status == "completed"
    assert [call.device for call in outcome.calls] == ["b", "a", "b"]
    assert outcome.took_s == 60
