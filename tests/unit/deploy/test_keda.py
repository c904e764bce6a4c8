"""The manifest for KEDA names what there is: stream, consumer, metric."""

from typing import Any

import yaml

from stretto.contracts import subjects
from stretto.telemetry import names
from tests.deployed import ROOT

DOCUMENTS: list[dict[str, Any]] = list(
    yaml.safe_load_all((ROOT / "deploy" / "keda" / "worker.yaml").read_text())
)


def test_the_scaled_object_scales_the_deployment_beside_it() -> None:
    deployment, scaled = DOCUMENTS
    assert (deployment["kind"], scaled["kind"]) == ("Deployment", "ScaledObject")
    assert scaled["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= (
        deployment["spec"]["template"]["metadata"]["labels"].items()
    )


def test_its_triggers_read_what_there_is() -> None:
    stream, metric = (trigger["metadata"] for trigger in DOCUMENTS[1]["spec"]["triggers"])
    assert stream["stream"] == subjects.STREAM_WORK
    assert stream["consumer"] == subjects.work_consumer("default", "payments")
    assert names.METRIC_SCALING_WANTED in metric["query"]


def test_a_worker_that_goes_has_the_time_to_drain() -> None:
    from stretto.worker.settings import WorkerSettings

    pod = DOCUMENTS[0]["spec"]["template"]["spec"]
    drain_s = WorkerSettings.model_fields["drain_timeout_s"].default
    assert pod["terminationGracePeriodSeconds"] > drain_s
