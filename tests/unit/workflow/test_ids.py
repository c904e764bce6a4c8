"""Ids of runs and attempts as text: what is none never becomes bytes that Postgres refuses."""

import uuid

import pytest

from stretto.contracts.ids import parse_attempt_id, parse_run_id, run_id_text

RUN = "01a20515-94bb-74a3-bbe1-08cfc25cff0b"
USUAL = [RUN, RUN.upper(), RUN.replace("-", ""), f"urn:uuid:{RUN}", f"{{{RUN}}}"]
SHORT = [RUN[:-2] + "--", RUN[:-2] + "  ", "  " + RUN[2:], RUN[:-4] + "\t\n\v\f", "-" * 36]
OTHER = ["", RUN[:-1], RUN + "0", RUN[:-1] + "g", RUN[:-1] + "é"]


@pytest.mark.parametrize("text", USUAL)
def test_a_run_id_is_read_in_all_usual_spellings(text: str) -> None:
    assert run_id_text(parse_run_id(text)) == RUN
    assert parse_run_id(text) == uuid.UUID(RUN).bytes


@pytest.mark.parametrize("text", SHORT + OTHER)
def test_what_only_looks_like_a_run_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a run id to be a UUID"):
        parse_run_id(text)


@pytest.mark.parametrize("text", SHORT)
def test_an_attempt_of_no_run_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a run id to be a UUID"):
        parse_attempt_id(f"{text}:a:1")
