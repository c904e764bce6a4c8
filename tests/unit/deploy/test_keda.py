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


STREAM_FIELDS = {
    "natsServerMonitoringEndpoint": True,
    "account": True,
    "stream": True,
    "consumer": True,
    "lagThreshold": False,
    "activationLagThreshold": False,
    "useHttps": False,
}
"""Of the trigger `nats-jetstream`, and whether it is required: keda.sh, scalers, NATS JetStream."""

SCALED_FIELDS = {
    *("scaleTargetRef", "pollingInterval", "cooldownPeriod", "initialCooldownPeriod"),
    *("idleReplicaCount", "minReplicaCount", "maxReplicaCount", "fallback", "advanced", "triggers"),
}
"""Of the spec of a ScaledObject: keda.sh, reference."""


def test_it_has_the_fields_that_keda_documents_and_no_others() -> None:
    scaled = DOCUMENTS[1]
    assert scaled["apiVersion"] == "keda.sh/v1alpha1"
    assert set(scaled["spec"]) <= SCALED_FIELDS
    stream, metric = scaled["spec"]["triggers"]
    assert (stream["type"], metric["type"]) == ("nats-jetstream", "prometheus")
    given = stream["metadata"]
    assert set(given) <= set(STREAM_FIELDS)
    assert {field for field, required in STREAM_FIELDS.items() if required} <= set(given)
    # Trigger metadata is a map of texts: a bare number is refused by the API server.
    assert all(
        isinstance(value, str) for each in (given, metric["metadata"]) for value in each.values()
    )
    assert int(given["lagThreshold"]) > int(given["activationLagThreshold"]) == 0
    host, _, port = given["natsServerMonitoringEndpoint"].partition(":")
    assert host and port.isdecimal(), "a host and a port; the scheme is KEDA's"
    assert scaled["spec"]["minReplicaCount"] < scaled["spec"]["maxReplicaCount"]


def test_a_worker_that_goes_has_the_time_to_drain() -> None:
    from stretto.worker.settings import WorkerSettings

    pod = DOCUMENTS[0]["spec"]["template"]["spec"]
    drain_s = WorkerSettings.model_fields["drain_timeout_s"].default
    assert pod["terminationGracePeriodSeconds"] > drain_s
