"""`for_each` over devices and rollouts, by the real services and real devices."""

from pathlib import Path

from ..routing.conftest import kill_service
from ..running import Dev
from .conftest import Fleet, begin, events, present, told, until

UPDATE = """\
workflow: {name}
on_failure: compensate
steps:
  install:
    for_each: {{devices: "${{{{ device.attributes.site == '{name}' }}}}", at_least: 1}}
    task: fw.install
    with: {{version: "2.1"}}
    rollout: {rollout}
    compensate: {{task: fw.restore, with: {{version: "2.0"}}}}
output: ${{{{ steps.install.output }}}}
"""


def test_each_device_does_its_own_task_wave_after_wave(
    dev: Dev, fleet: Fleet, tmp_path: Path
) -> None:
    names = ["fa-1", "fa-2", "fa-3"]
    for name in names:
        fleet.start(name, site="fleet-a")
    fleet.start("fa-other", site="elsewhere")
    until(lambda: {*names, "fa-other"} <= present(dev))
    text = UPDATE.format(name="fleet-a", rollout="{waves: [1, 100%], pause_after: {by: [ops]}}")

    run = begin(dev, tmp_path, text)
    until(lambda: "waits for the approval of ops" in told(dev, run))
    assert "wave 1 of 2: 1 of 3 devices, 1 done, 0 failed" in told(dev, run)
    assert fleet.done == ["fa-1 install 2.1"]
    dev.call("approve", run, "--step", "install", "--by", "ops")
    dev.call("watch", run)

    log = events(dev, run)
    assert [output["by"] for output in log[-1]["data"]["output"]] == names
    items = next(e["data"]["items"] for e in log if e["type"] == "step.expanded")
    assert [item["name"] for item in items] == names
    assert items[0]["attributes"] == {"site": "fleet-a", "model": "m1"}
    assert items[0]["labels"] == {"ring": "edge"} and "busy" not in items[0]
    bound = {e["step"]: e["data"]["device"] for e in log if e["type"] == "step.bound"}
    assert bound == {f"install[{at}]": name for at, name in enumerate(names)}
    advanced = next(e["data"] for e in log if e["type"] == "rollout.advanced")
    assert (advanced["wave"], advanced["upto"], advanced["by"]) == (2, 3, "ops")


def test_a_rollout_that_fails_is_undone_on_the_very_devices(
    dev: Dev, fleet: Fleet, tmp_path: Path
) -> None:
    fleet.start("fb-1", site="fleet-b")
    fleet.start("fb-2", site="fleet-b", broken=1)
    fleet.start("fb-3", site="fleet-b")
    until(lambda: {"fb-1", "fb-2", "fb-3"} <= present(dev))

    run = begin(dev, tmp_path, UPDATE.format(name="fleet-b", rollout="{waves: [1, 2, 100%]}"))
    dev.call("watch", run, expect=1)

    failure = events(dev, run)[-1]["data"]["failure"]
    assert failure["type"] == "RolloutAborted"
    assert (
        "1 of the 1 devices of wave 2 of 3 failed, and 100 % of a wave must" in failure["message"]
    )
    assert "(fb-2), 0 were under way, 1 not begun" in failure["message"]
    assert fleet.done == ["fb-1 install 2.1", "fb-2 install 2.1", "fb-1 restore 2.0"]


def test_nobody_there_is_said(dev: Dev, tmp_path: Path) -> None:
    run = begin(dev, tmp_path, UPDATE.format(name="fleet-none", rollout="{waves: [100%]}"))
    dev.call("watch", run, expect=1)
    failure = events(dev, run)[-1]["data"]["failure"]
    assert failure["type"] == "TooFewDevices"
    assert failure["message"].startswith("expected at least 1 devices that fit, but none do")


def test_a_decision_service_that_has_just_begun_forgets_nobody(
    dev: Dev, fleet: Fleet, tmp_path: Path
) -> None:
    fleet.start("fd-1", site="fleet-d")
    fleet.start("fd-2", site="fleet-d")
    until(lambda: {"fd-1", "fd-2"} <= present(dev))
    text = UPDATE.format(name="fleet-d", rollout="{waves: [100%]}")

    kill_service(dev, "decision")
    run = begin(dev, tmp_path, text)
    dev.call("watch", run)

    assert [output["by"] for output in events(dev, run)[-1]["data"]["output"]] == ["fd-1", "fd-2"]
