"""docs/schedules.md: its documents have no mistakes, and mean what the page says."""

import re
from pathlib import Path

import pytest

from stretto.contracts.codec import decode_schedule_request
from stretto.contracts.schedules import OVERLAPS
from stretto.runtime.clock import datetime_of, parse_rfc3339
from stretto.schedule import Timing, load_schedule

PAGE = (Path(__file__).parents[3] / "docs" / "schedules.md").read_text(encoding="utf-8")
DOCUMENTS = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
PREVIEWS = re.findall(r"```yaml\n(# preview after (\S+)\n.*?)```\n\n```text\n(.*?)```", PAGE, re.S)


@pytest.mark.parametrize("text", DOCUMENTS)
def test_a_document_of_the_page_has_no_mistakes(text: str) -> None:
    loaded = load_schedule(text, "page", parse_rfc3339("2026-07-01T00:00:00Z"))

    assert (loaded.mistakes, loaded.warnings) == ([], [])


def test_the_instants_of_the_page_are_those_that_come() -> None:
    assert PREVIEWS
    for text, after, shown in PREVIEWS:
        spec = load_schedule(text).spec
        assert spec is not None
        timing = Timing(spec)
        lines = shown.split()
        found = timing.upcoming(parse_rfc3339(after), len(lines))
        assert [datetime_of(at).astimezone(timing.zone).isoformat() for at in found] == lines


def test_the_requests_of_the_page_are_read() -> None:
    lines = re.findall(r"^\{\"command\".*\}$", PAGE, re.M)
    commands = [decode_schedule_request(line.encode()).command for line in lines]
    assert sorted(commands) == ["apply", "backfill", "pause", "remove", "resume", "trigger"]


def test_every_policy_is_on_the_page() -> None:
    assert all(f"| `{name}`" in PAGE for name in OVERLAPS)
