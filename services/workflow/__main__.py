"""`python -m services.workflow`: run the service; `… migrate`: bring its schema up to date and
end."""

import asyncio
import sys

from services.workflow.service import main
from services.workflow.settings import WorkflowSettings
from services.workflow.store import MIGRATIONS, ROLE, SCHEMA
from stretto.expression.functions.plugins import load_functions_or_exit
from stretto.postgres import migrate
from stretto.runtime.service import run_service
from stretto.runtime.settings import settings_or_exit


def run() -> int:
    """Do what the command line asks; the exit code."""
    settings = settings_or_exit(WorkflowSettings)
    if sys.argv[1:] == ["migrate"]:
        version = asyncio.run(migrate(settings.postgres_dsn, SCHEMA, MIGRATIONS, ROLE))
        sys.stdout.write(f"schema {SCHEMA} is at version {version}\n")
        return 0
    load_functions_or_exit(settings.functions)
    return run_service("workflow", settings, main)


if __name__ == "__main__":
    sys.exit(run())
