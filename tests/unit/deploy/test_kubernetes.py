"""The manifests run the five services with probes, as somebody without rights, as themselves."""

from typing import Any

import pytest
import yaml

from scripts.configuration import CLASSES, variable
from stretto.runtime.access import inbox_prefix
from tests.deployed import ROOT, SERVICES

FOLDER = ROOT / "deploy" / "kubernetes"
EVERYTHING: list[dict[str, Any]] = [
    document
    for path in sorted(FOLDER.glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]


def named(kind: str, name: str) -> dict[str, Any]:
    (found,) = (d for d in EVERYTHING if d["kind"] == kind and d["metadata"]["name"] == name)
    return found


def test_every_service_has_a_deployment_and_nobody_else() -> None:
    names = {d["metadata"]["name"] for d in EVERYTHING if d["kind"] == "Deployment"}
    assert names == {f"stretto-{service}" for service in SERVICES}


def test_no_manifest_is_there_twice() -> None:
    names = [(d["kind"], d["metadata"]["name"]) for d in EVERYTHING]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_probed_where_its_image_serves_health(service: str) -> None:
    spec = named("Deployment", f"stretto-{service}")["spec"]
    pod = spec["template"]
    (container,) = pod["spec"]["containers"]
    assert spec["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "health"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}
    assert {"name": "health", "containerPort": 8081} in container["ports"]
    assert "STRETTO_HEALTH_PORT=8081" in (ROOT / "deploy" / "service.Dockerfile").read_text()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_no_rights_and_no_disk(service: str) -> None:
    pod = named("Deployment", f"stretto-{service}")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_itself_and_told_only_what_it_knows(service: str) -> None:
    own = named("Secret", f"stretto-{service}")["stringData"]
    shared = named("ConfigMap", "stretto")["data"]
    known = {variable(*field) for field in CLASSES[service].model_fields.items()}
    assert set(own) | set(shared) <= known
    assert own["STRETTO_NATS_USER"] == service
    assert own["STRETTO_NATS_INBOX_PREFIX"] == inbox_prefix(service)  # type: ignore[arg-type]
    assert ("STRETTO_POSTGRES_DSN" in own) == (service in ("workflow", "monitoring"))
    (container,) = named("Deployment", f"stretto-{service}")["spec"]["template"]["spec"][
        "containers"
    ]
    assert container["envFrom"] == [
        {"configMapRef": {"name": "stretto"}},
        {"secretRef": {"name": f"stretto-{service}"}},
    ]


@pytest.mark.parametrize("service", ["workflow", "monitoring"])
def test_a_schema_is_migrated_by_its_owner(service: str) -> None:
    (container,) = named("Job", f"stretto-migrate-{service}")["spec"]["template"]["spec"][
        "containers"
    ]
    assert container["args"] == ["migrate"]
    assert container["image"] == f"stretto-{service}"
    assert container["envFrom"] == [{"secretRef": {"name": "stretto-owner"}}]
    owner = named("Secret", "stretto-owner")["stringData"]["STRETTO_POSTGRES_DSN"]
    assert owner.startswith("postgresql://stretto_owner:")


def test_the_gateway_is_not_open() -> None:
    assert "STRETTO_API_OPEN" not in named("Secret", "stretto-gateway")["stringData"]
    assert named("Secret", "stretto-gateway")["stringData"]["STRETTO_API_TOKENS"]
