import pytest
from pydantic import Field

from stretto.runtime.settings import (
    InvalidSettings,
    ServiceSettings,
    read_settings,
    settings_or_exit,
)


class OwnSettings(ServiceSettings):
    limit: int = Field(ge=1)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith(("STRETTO_", "OTEL_")):
            monkeypatch.delenv(name)


def test_without_an_environment_a_service_finds_a_bus_on_this_machine() -> None:
    settings = read_settings(ServiceSettings)
    assert settings.nats_servers == ["nats://127.0.0.1:4222"]
    assert (settings.partitions, settings.lanes, settings.stream_replicas) == (4, 1, 1)
    assert settings.health_port is None
    assert settings.otlp_endpoint is None
    assert settings.instance is None


def test_variables_have_the_prefix_and_the_endpoint_its_standard_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STRETTO_NATS_URL", "nats://a:1, tls://b:2")
    monkeypatch.setenv("STRETTO_PARTITIONS", "256")
    monkeypatch.setenv("STRETTO_HEALTH_PORT", "")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    settings = read_settings(ServiceSettings)
    assert settings.nats_servers == ["nats://a:1", "tls://b:2"]
    assert settings.partitions == 256
    assert settings.health_port is None
    assert settings.otlp_endpoint == "http://collector:4318"


def test_what_is_given_takes_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRETTO_PARTITIONS", "8")
    settings = read_settings(ServiceSettings, partitions=2, otlp_endpoint="https://x")
    assert (settings.partitions, settings.otlp_endpoint) == (2, "https://x")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("STRETTO_PARTITIONS", "0", "greater than or equal to 1, but got '0'"),
        ("STRETTO_PARTITIONS", "257", "less than or equal to 256, but got '257'"),
        ("STRETTO_PARTITIONS", "four", "a valid integer"),
        ("STRETTO_TRACE_RATIO", "1.5", "less than or equal to 1, but got '1.5'"),
        ("STRETTO_LOG_LEVEL", "loud", "but got 'loud'"),
        ("STRETTO_STREAM_REPLICAS", "2", "1, 3 or 5, but got '2'"),
        ("STRETTO_INSTANCE", "a b", "but got 'a b'"),
        ("STRETTO_NATS_URL", "http://a", "a URL like nats://host:4222, or several with commas"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector", "a URL like http://host:4318"),
        ("STRETTO_REDIS_URL", "host:6379", "a URL like redis://host:6379/0"),
        ("STRETTO_REDIS_URL", "redis://", "a URL like redis://host:6379/0"),
    ],
)
def test_a_wrong_value_is_refused_in_a_sentence_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidSettings) as caught:
        read_settings(ServiceSettings)
    assert str(caught.value).startswith(f"expected {variable} to be ")
    assert said in str(caught.value)


def test_every_wrong_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRETTO_PARTITIONS", "0")
    monkeypatch.setenv("STRETTO_LANES", "0")
    with pytest.raises(InvalidSettings) as caught:
        read_settings(OwnSettings)
    assert str(caught.value).splitlines() == [
        "expected STRETTO_PARTITIONS to be greater than or equal to 1, but got '0'",
        "expected STRETTO_LANES to be greater than or equal to 1, but got '0'",
        "expected STRETTO_LIMIT to be set, but it is not",
    ]


def test_more_lanes_than_partitions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRETTO_LANES", "5")
    with pytest.raises(InvalidSettings, match=r"expected STRETTO_LANES to be at most .* but got 5"):
        read_settings(ServiceSettings)


def test_a_password_is_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRETTO_NATS_URL", "http://user:secret@host")
    with pytest.raises(InvalidSettings) as caught:
        read_settings(ServiceSettings)
    assert "secret" not in str(caught.value)
    given = read_settings(
        ServiceSettings,
        nats_url="nats://u:secret@h",
        nats_password="secret",
        postgres_dsn="postgres://u:secret@h/d",
        redis_url="redis://:secret@h/0",
    )
    assert "secret" not in repr(given)


def test_wrong_settings_end_the_process_with_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRETTO_PARTITIONS", "x")
    with pytest.raises(SystemExit) as caught:
        settings_or_exit(ServiceSettings)
    assert caught.value.code == 2
    assert "STRETTO_PARTITIONS" in capsys.readouterr().err

    monkeypatch.delenv("STRETTO_PARTITIONS")
    assert settings_or_exit(ServiceSettings).partitions == 4
