"""The settings of the workflow service: those of every service, and its database."""

from typing import Annotated

from pydantic import Field

from stretto.runtime.settings import Resources, Retention, ServiceSettings


class WorkflowSettings(ServiceSettings):
    """`STRETTO_POSTGRES_DSN` is required; see `docs/configuration.md`."""

    postgres_dsn: str = Field(repr=False)
    """Where the log is: `postgresql://user:password@host:5432/name`."""
    migrate: bool = True
    """At the start bring the schema up to date or, with a login that may not, check that it is."""
    retention: Retention = ""
    """How long closed runs are kept after their end, at least a day: `30d`. Not set: for ever. The
    same for the monitoring service."""
    reuse_mib: Annotated[int, Field(ge=1, le=1_048_576)] = 1024
    """MiB that kept outputs of steps with `cache` may take in all; over it, those that would
    expire first are dropped."""
    resources: Resources = ""
    """Named resources with how much there is, `{"gpu": 4}`: a definition that asks for more is
    refused. The same for the execution service."""
