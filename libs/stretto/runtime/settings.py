"""What every service can be told by its environment; each service's own settings extend it.

Every field is a variable `STRETTO_<FIELD>`; the endpoint of traces is the standard
`OTEL_EXPORTER_OTLP_ENDPOINT`. An empty variable counts as not set.
"""

import sys
from typing import Annotated, Any, Literal, NoReturn, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from stretto.contracts.admission import parse_rates, parse_resources
from stretto.contracts.durations import parse_duration
from stretto.contracts.ids import MAX_PARTITIONS

ENV_PREFIX = "STRETTO_"
EXIT_USAGE = 2

MAX_LANES = 64
"""Lanes of the execution service: each is a consumer and an instance that is active on it."""

_NATS_SCHEMES = ("nats", "tls", "ws", "wss")
_REDIS_SCHEMES = ("redis", "rediss", "unix")
_SECRET = frozenset({"nats_password", "postgres_dsn", "nats_url", "redis_url"})
"""Values that may hold a password: a message about them does not repeat them."""

MIN_RETENTION_S = 86_400.0
"""Runs that ended within a day are never dropped: the database refuses it, too."""


def _is_retention(text: str) -> str:
    if text:
        try:
            seconds = parse_duration(text)
        except ValueError:
            seconds = 0.0
        if seconds < MIN_RETENTION_S:
            raise ValueError("a duration of at least a day, like 30d")
    return text


Retention = Annotated[str, AfterValidator(_is_retention)]
"""How long closed runs are kept: `30d`; empty: for ever."""


def _are_resources(text: str) -> str:
    parse_resources(text)
    return text


def _are_rates(text: str) -> str:
    parse_rates(text)
    return text


Resources = Annotated[str, AfterValidator(_are_resources)]
"""Named resources with amounts, as JSON; empty: none."""

Rates = Annotated[str, AfterValidator(_are_rates)]
"""Rates by queue, as JSON; empty: none."""


def retention_s(text: Retention) -> float | None:
    """Give a retention in seconds; None: for ever."""
    return parse_duration(text) if text else None


class ServiceSettings(BaseSettings):
    """The settings of a service process. Frozen; unknown variables are left alone."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    nats_url: str = Field("nats://127.0.0.1:4222", repr=False)
    """Where the bus is; several servers of a cluster with commas between them."""
    nats_user: str | None = None
    """Who this process is on the bus, with its password: `deploy/nats` has a user for each."""
    nats_password: str | None = Field(None, repr=False)
    """The password of `STRETTO_NATS_USER`."""
    nats_creds: str | None = None
    """Path of a credentials file, in place of user and password."""
    nats_ca: str | None = None
    """Path of the authorities (PEM) that are trusted for `tls://` and `wss://`; not set: those of
    this machine."""
    nats_cert: str | None = None
    """Path of this process's own certificate (PEM), for a bus that asks for one."""
    nats_key: str | None = None
    """Path of the private key of `STRETTO_NATS_CERT`, without a password; not set: it is in the
    same file."""
    nats_inbox_prefix: str = Field("_INBOX", pattern=r"^[A-Za-z0-9_.-]+$")
    """Where answers come back: a bus user with few permissions has a prefix of its own."""
    postgres_dsn: str | None = Field(None, repr=False)
    """Where the database is, `postgresql://user:password@host:5432/name`: workflow, monitoring."""

    redis_url: str | None = Field(None, repr=False)
    """A Redis that instances share results through, `redis://:password@host:6379/0`: decision,
    workflow. Its loss costs time, never an answer. Not set: each process for itself."""

    instance: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64)
    """The name of this process; not set: `<service>-<8 hex digits>`."""
    partitions: int = Field(4, ge=1, le=MAX_PARTITIONS)
    """Partitions of the workflow service; the same number for all services of an installation."""
    lanes: int = Field(1, ge=1, le=MAX_LANES)
    """Lanes of the execution service, at most as many as partitions; the same number for all."""
    stream_replicas: Literal[1, 3, 5] = 1
    """Copies of each stream, for a bus that is a cluster of at least so many servers."""

    health_host: str = "127.0.0.1"
    """Where health is served; 0.0.0.0 for all addresses of this machine."""
    health_port: int | None = Field(None, ge=0, le=65_535)
    """Port of /healthz, /readyz and /metrics. Not set: none is opened; 0: a free one, logged."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is logged: debug, info, warning or error."""
    log_format: Literal["console", "json"] = "json"
    """json: an object a line; console: for people."""
    trace_ratio: float = Field(0.01, ge=0.0, le=1.0)
    """The share of runs that are traced, decided by the run id, where the starter said nothing."""
    otlp_endpoint: str | None = Field(None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    """Where spans go (OTLP, http/protobuf, without the path). Not set: nothing is traced."""

    functions: str = Field("", max_length=4_096)
    """Functions of installed packages that expressions may use (see `docs/functions.md`): `1` for
    all, or names; the same for the decision and the workflow service."""

    stats_interval_s: float = Field(5.0, ge=0.1, le=3_600.0)
    """How often the process says what it does (`stretto.stats.<service>`)."""
    shutdown_timeout_s: float = Field(10.0, gt=0.0, le=600.0)
    """After a signal the service has this long to finish what it holds; then it is cancelled."""

    @field_validator("nats_url")
    @classmethod
    def _is_nats_url(cls, value: str) -> str:
        for url in value.split(","):
            parts = urlsplit(url.strip())
            if parts.scheme not in _NATS_SCHEMES or not parts.hostname:
                raise ValueError("a URL like nats://host:4222, or several with commas")
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_redis_url(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in _REDIS_SCHEMES or not (parts.hostname or parts.path):
                raise ValueError("a URL like redis://host:6379/0")
        return value

    @field_validator("otlp_endpoint")
    @classmethod
    def _is_http_url(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("a URL like http://host:4318")
        return value

    @model_validator(mode="after")
    def _has_a_partition_each_lane(self) -> "ServiceSettings":
        if self.lanes > self.partitions:
            raise ValueError(
                f"expected STRETTO_LANES to be at most STRETTO_PARTITIONS ({self.partitions}), "
                f"but got {self.lanes}"
            )
        return self

    @property
    def nats_servers(self) -> list[str]:
        """The URLs of the bus, one each server."""
        return [url.strip() for url in self.nats_url.split(",")]


S = TypeVar("S", bound=BaseSettings)


class InvalidSettings(ValueError):
    """The environment says something that cannot be; the text names every variable."""


def read_settings(kind: type[S], **given: Any) -> S:
    """Read settings from the environment; `given` values (by field name) take precedence.

    Raises:
        InvalidSettings: a value cannot be used.
    """
    try:
        return kind(**given)
    except ValidationError as error:
        raise InvalidSettings("\n".join(_sentence(kind, e) for e in error.errors())) from None


def settings_or_exit(kind: type[S]) -> S:
    """Read settings from the environment, or say what is wrong on stderr and exit with code 2."""
    try:
        return read_settings(kind)
    except InvalidSettings as error:
        _exit_usage(str(error))


def _exit_usage(message: str) -> NoReturn:
    sys.stderr.write(message + "\n")
    raise SystemExit(EXIT_USAGE)


def _sentence(kind: type[BaseSettings], error: ErrorDetails) -> str:
    wanted = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if not error["loc"]:
        return wanted  # about several fields: the validator wrote the whole sentence
    place = str(error["loc"][0])
    variable = _variable(kind, place)
    if error["type"] == "missing":
        return f"expected {variable} to be set, but it is not"
    got = "something else" if place.lower() in _SECRET else repr(error["input"])[:80]
    return f"expected {variable} to be {wanted}, but got {got}"


def _variable(kind: type[BaseSettings], place: str) -> str:
    """Name the environment variable of a field (or of its alias: then it is that name)."""
    if place in kind.model_fields:
        alias = kind.model_fields[place].validation_alias
        return alias if isinstance(alias, str) else ENV_PREFIX + place.upper()
    return place
