"""How long monitoring shows runs."""

import pytest

from services.monitoring.settings import MonitoringSettings
from stretto.runtime.settings import InvalidSettings, read_settings

DSN = "postgresql://x"


@pytest.mark.parametrize("text", ["23h", "soon", "0d"])
def test_a_retention_is_a_duration_of_at_least_a_day(text: str) -> None:
    with pytest.raises(InvalidSettings, match=r"STRETTO_RETENTION .* at least a day.*got"):
        read_settings(MonitoringSettings, postgres_dsn=DSN, retention=text)


@pytest.mark.parametrize(("text", "days"), [("", 90.0), ("30d", 30.0), ("400d", 90.0)])
def test_monitoring_shows_nothing_that_the_log_has_dropped(text: str, days: float) -> None:
    given = read_settings(MonitoringSettings, postgres_dsn=DSN, retention=text)
    assert given.days_kept == days
