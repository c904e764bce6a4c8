"""What the tests of monitoring work with."""

from __future__ import annotations

from services.monitoring.settings import MonitoringSettings
from stretto.testkit.service_host import Hosted

Monitoring = Hosted[MonitoringSettings]
