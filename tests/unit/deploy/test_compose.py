"""`docker-compose.yml` and the images: every process is itself and may do no more than it needs."""

import re
import tomllib
from typing import Any, get_args

import pytest
import yaml

from scripts.configuration import CLASSES, variable
from stretto.contracts.frames import ServiceName
from stretto.runtime.access import USERS, inbox_prefix
from tests.deployed import ROOT, SERVICES, compose, variables

COMPOSE: dict[str, Any] = compose()["services"]
SERVERS = ("nats", "postgres", "jaeger")
OURS = (*SERVICES, "worker")
MIGRATIONS = ("migrate-workflow", "migrate-monitoring")


def test_every_part_is_there_and_nothing_else() -> None:
    assert set(COMPOSE) == {*SERVERS, *OURS, *MIGRATIONS}
    assert set(SERVICES) == set(get_args(ServiceName))


@pytest.mark.parametrize("service", OURS)
def test_a_process_logs_in_to_the_bus_as_itself(service: str) -> None:
    environment = COMPOSE[service]["environment"]
    passwords = COMPOSE["nats"]["environment"]
    assert environment["STRETTO_NATS_USER"] == service
    assert environment["STRETTO_NATS_INBOX_PREFIX"] == inbox_prefix(service)  # type: ignore[arg-type]
    password = f"STRETTO_NATS_PASSWORD_{service.upper()}"
    assert environment["STRETTO_NATS_PASSWORD"] == passwords[password]


@pytest.mark.parametrize("service", OURS)
def test_a_process_is_told_only_what_it_knows(service: str) -> None:
    known = {variable(*field) for field in CLASSES[service].model_fields.items()}
    assert set(COMPOSE[service]["environment"]) <= known


def test_the_bus_has_a_password_of_its_own_for_each_user() -> None:
    passwords = COMPOSE["nats"]["environment"]
    assert set(passwords) == {f"STRETTO_NATS_PASSWORD_{user.upper()}" for user in USERS}
    assert len(set(passwords.values())) == len(USERS)
    # The server reads what begins with a digit as a number.
    assert all(value[0].isalpha() for value in passwords.values())


def test_only_those_who_keep_a_schema_know_where_postgres_is() -> None:
    told = {
        name for name in COMPOSE if "STRETTO_POSTGRES_DSN" in COMPOSE[name].get("environment", {})
    }
    assert told == {"workflow", "monitoring", *MIGRATIONS}


@pytest.mark.parametrize("service", ["workflow", "monitoring"])
def test_a_service_logs_in_to_the_database_as_itself_and_the_owner_migrates(service: str) -> None:
    roles = (ROOT / "deploy" / "postgres" / "roles.sql").read_text()
    own = COMPOSE[service]["environment"]["STRETTO_POSTGRES_DSN"]
    owner = COMPOSE[f"migrate-{service}"]["environment"]["STRETTO_POSTGRES_DSN"]
    assert own.startswith(f"postgresql://{service}:")
    assert owner.startswith("postgresql://stretto_owner:")
    assert f"create role {service} login password" in roles
    assert f"in role stretto_{service};" in roles
    assert COMPOSE[service]["depends_on"][f"migrate-{service}"] == {
        "condition": "service_completed_successfully"
    }


def test_the_passwords_of_the_database_come_from_its_environment() -> None:
    roles = (ROOT / "deploy" / "postgres" / "roles.sql").read_text()
    named = set(re.findall(r"\\getenv \w+ (\w+)", roles))
    assert named <= set(COMPOSE["postgres"]["environment"])


@pytest.mark.parametrize("name", sorted(COMPOSE))
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in COMPOSE[name].get("ports", []))


@pytest.mark.parametrize("service", OURS)
def test_a_process_can_change_nothing_but_what_it_must(service: str) -> None:
    part = COMPOSE[service]
    assert part["read_only"] is True
    assert part["cap_drop"] == ["ALL"]
    assert part["restart"] == "unless-stopped"


def test_jaeger_is_left_out_unless_it_is_asked_for() -> None:
    assert COMPOSE["jaeger"]["profiles"] == ["tracing"]
    assert not any("jaeger" in COMPOSE[name].get("depends_on", {}) for name in COMPOSE)
    for service in OURS:
        environment = COMPOSE[service]["environment"]
        assert environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://jaeger:4318"


@pytest.mark.parametrize("service", SERVICES)
def test_the_image_of_a_service_is_built_for_it_alone(service: str) -> None:
    build = COMPOSE[service]["build"]
    assert build["dockerfile"] == "deploy/service.Dockerfile"
    assert build["args"] == {"SERVICE": service}
    assert COMPOSE[service]["image"] == f"stretto-{service}"
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert service in extras


def test_the_example_of_variables_is_complete_and_says_the_defaults() -> None:
    example = (ROOT / "deploy" / "compose.env.example").read_text()
    named = dict(re.findall(r"^#?(\w+)=(.*)$", example, re.MULTILINE))
    assert set(named) == variables()
    text = (ROOT / "docker-compose.yml").read_text()
    for name, value in named.items():
        defaults = set(re.findall(rf"\$\{{{name}:?-([^}}]*)}}", text))
        assert defaults == {value}, name


def test_the_images_run_as_somebody_without_rights_and_hear_signals() -> None:
    for name in ("service", "worker"):
        lines = (ROOT / "deploy" / f"{name}.Dockerfile").read_text().splitlines()
        assert lines.index("USER stretto") > max(
            number for number, line in enumerate(lines) if line.startswith("RUN ")
        )
        (entry,) = (line for line in lines if line.startswith("ENTRYPOINT"))
        assert entry.startswith("ENTRYPOINT [")
        assert '"sh"' not in entry or "exec python" in entry
        assert all(
            line.startswith("FROM python:3.13-slim") for line in lines if line.startswith("FROM")
        )


def test_the_image_of_a_service_takes_that_service_only() -> None:
    text = (ROOT / "deploy" / "service.Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    assert [path for path in copied if path.startswith("services")] == [
        "services/__init__.py",
        "services/${SERVICE}",
    ]
    assert "HEALTHCHECK" in text


def test_nothing_but_sources_goes_into_a_build() -> None:
    lines = (ROOT / ".dockerignore").read_text().split("\n")
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    for line in rules:
        if line.startswith("!"):
            assert (ROOT / line[1:]).exists()


def test_the_bus_keeps_what_it_has_acknowledged() -> None:
    text = (ROOT / "deploy" / "nats" / "nats.conf").read_text()
    assert "sync_interval: always" in text
    assert "js_ack_fc_v2: false" in text
    assert 'include "users.conf"' in text


@pytest.mark.parametrize("path", sorted((ROOT / "deploy").rglob("*.yaml")), ids=lambda p: p.name)
def test_every_manifest_is_yaml(path: Any) -> None:
    assert list(yaml.safe_load_all(path.read_text()))
