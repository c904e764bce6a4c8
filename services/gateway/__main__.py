"""`python -m services.gateway`: run the service."""

import sys

from services.gateway.service import main
from services.gateway.settings import GatewaySettings
from stretto.runtime.service import run_service
from stretto.runtime.settings import settings_or_exit

if __name__ == "__main__":
    sys.exit(run_service("gateway", settings_or_exit(GatewaySettings), main))
