"""`python -m services.monitoring`: run the service; `… migrate`: bring its schema up to date and
end."""

import asyncio
import sys

from services.monitoring.service import main
from services.monitoring.settings import MonitoringSettings
from services.monitoring.store import MIGRATIONS, ROLE, SCHEMA
from stretto.postgres import migrate
from stretto.runtime.service import run_service
from stretto.runtime.settings import settings_or_exit


def run() -> int:
    """Do what the command line asks; the exit code."""
    settings = settings_or_exit(MonitoringSettings)
    if sys.argv[1:] == ["migrate"]:
        version = asyncio.run(migrate(settings.postgres_dsn, SCHEMA, MIGRATIONS, ROLE))
        sys.stdout.write(f"schema {SCHEMA} is at version {version}\n")
        return 0
    return run_service("monitoring", settings, main)


if __name__ == "__main__":
    sys.exit(run())
