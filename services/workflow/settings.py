"""The settings of the workflow service: those of every service, and its database."""

from pydantic import Field

from stretto.runtime.settings import ServiceSettings


class WorkflowSettings(ServiceSettings):
    """`STRETTO_POSTGRES_DSN` is required; see `docs/configuration.md`."""

    postgres_dsn: str = Field(repr=False)
    migrate: bool = True
    """Bring the schema up to date at the start (needs a login that may); else only check it."""
