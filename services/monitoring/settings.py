"""The settings of the monitoring service: those of every service, its database, what it keeps."""

from pydantic import Field

from stretto.runtime.settings import ServiceSettings


class MonitoringSettings(ServiceSettings):
    """`STRETTO_POSTGRES_DSN` is required; see `docs/configuration.md`."""

    postgres_dsn: str = Field(repr=False)
    """Where the projection is kept: `postgresql://user:password@host:5432/name`."""
    migrate: bool = True
    """At the start bring the schema up to date or, with a login that may not, check that it is."""
    keep_days: float = Field(90.0, gt=0.0, le=36_500.0)
    """Closed runs leave lists and statistics after this time; the log is not touched."""
    nice: int = Field(10, ge=0, le=19)
    """How far this process stands back for others when the processors are busy."""
