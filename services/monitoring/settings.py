"""The settings of the monitoring service: those of every service, its database, what it keeps."""

from pydantic import Field

from stretto.runtime.settings import Retention, ServiceSettings, retention_s

DAY_S = 86_400.0


class MonitoringSettings(ServiceSettings):
    """`STRETTO_POSTGRES_DSN` is required; see `docs/configuration.md`."""

    postgres_dsn: str = Field(repr=False)
    """Where the projection is kept: `postgresql://user:password@host:5432/name`."""
    migrate: bool = True
    """At the start bring the schema up to date or, with a login that may not, check that it is."""
    keep_days: float = Field(90.0, gt=0.0, le=36_500.0)
    """Closed runs leave lists and statistics after this time; the log is not touched."""
    retention: Retention = ""
    """How long the log keeps closed runs (as of the workflow service): nothing older is shown."""
    nice: int = Field(10, ge=0, le=19)
    """How far this process stands back for others when the processors are busy."""

    @property
    def days_kept(self) -> float:
        """How long closed runs stay in lists: what the log has dropped is not shown."""
        kept_s = retention_s(self.retention)
        return self.keep_days if kept_s is None else min(self.keep_days, kept_s / DAY_S)
