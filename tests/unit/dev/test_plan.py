"""What a person may ask of a local stack, and what each process is told."""

from pathlib import Path

import pytest

from stretto.dev.environment import OTLP_ENDPOINT, client_environment, service_environment
from stretto.dev.plan import DevOptions, Endpoints, worker_plan

ENDPOINTS = Endpoints(
    nats="nats://127.0.0.1:4222",
    postgres="postgresql://u:p@127.0.0.1:1/d",
    http="http://127.0.0.1:8080",
    otlp="http://127.0.0.1:4318",
)


def test_a_scaled_service_has_a_name_for_each_of_its_processes() -> None:
    options = DevOptions(data=Path("d"), scale={"workflow": 3, "monitoring": 0})
    assert [name for _, name in options.instances()] == [
        *("workflow", "workflow-2", "workflow-3", "decision", "execution", "gateway"),
    ]


@pytest.mark.parametrize(
    ("scale", "why"),
    [
        ({"workflw": 2}, "expected --scale to name one of workflow, .* but got 'workflw'"),
        ({"workflow": 17}, "expected --scale workflow to be 0 to 16, but got 17"),
        ({"workflow": -1}, "to be 0 to 16, but got -1"),
        ({"gateway": 2}, "expected --scale gateway to be 0 to 1, but got 2"),
    ],
)
def test_a_scale_that_cannot_be_is_refused(scale: dict[str, int], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        DevOptions(scale=scale)


def test_what_the_person_set_wins_over_defaults_but_not_over_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STRETTO_TRACE_RATIO", "0.25")
    monkeypatch.setenv("STRETTO_NATS_URL", "nats://elsewhere:1")
    monkeypatch.setenv("STRETTO_POSTGRES_DSN", "postgresql://elsewhere/")
    monkeypatch.setenv("STRETTO_LOG_FORMAT", "console")
    of = service_environment(ENDPOINTS, {"STRETTO_LOG_FORMAT": "json"})
    assert of("decision")["STRETTO_TRACE_RATIO"] == "0.25"
    assert of("decision")["STRETTO_NATS_URL"] == ENDPOINTS.nats
    assert of("decision")["STRETTO_LOG_FORMAT"] == "json"
    assert "STRETTO_POSTGRES_DSN" not in of("decision")
    assert of("workflow")["STRETTO_POSTGRES_DSN"] == ENDPOINTS.postgres
    assert of("gateway")["STRETTO_HTTP_PORT"] == "8080"


def test_a_worker_is_told_where_the_bus_is_and_where_spans_go() -> None:
    assert client_environment(ENDPOINTS) == {
        "STRETTO_NATS_URL": ENDPOINTS.nats,
        OTLP_ENDPOINT: ENDPOINTS.otlp,
    }
    elsewhere = Endpoints(nats="nats://a:1", postgres="")
    assert client_environment(elsewhere) == {"STRETTO_NATS_URL": "nats://a:1"}
    assert "STRETTO_HTTP_PORT" not in service_environment(elsewhere, {})("gateway")


def test_a_worker_is_a_process_that_is_not_asked_whether_it_is_ready(tmp_path: Path) -> None:
    file = tmp_path / "shop.py"
    file.touch()
    plan = worker_plan(str(file), 2)
    assert (plan.name, plan.answers, plan.command[-2:]) == (
        "worker-2",
        False,
        ("worker", str(file)),
    )
    assert worker_plan("shop.workers").name == "worker"
    with pytest.raises(ValueError, match=r"nowhere\.py is not there"):
        worker_plan("nowhere.py")
