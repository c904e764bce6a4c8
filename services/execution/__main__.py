"""`python -m services.execution`: the execution service."""

import sys

from services.execution.service import Execution
from services.execution.settings import ExecutionSettings
from stretto.runtime.service import ServiceContext, run_service
from stretto.runtime.settings import settings_or_exit


async def main(context: ServiceContext[ExecutionSettings]) -> None:
    """Admit, bind and send attempts until the service is told to stop."""
    await Execution(context).run()


if __name__ == "__main__":
    sys.exit(run_service("execution", settings_or_exit(ExecutionSettings), main))
