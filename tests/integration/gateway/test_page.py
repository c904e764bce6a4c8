"""The page: served whole, from this place alone, in a form that its own security policy allows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.gateway.pages import FOLDER, load
from services.workflow.core.offering import OF_RUN, OF_STEP

from .conftest import Site

FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file())
EVENTS = Path(__file__).parents[3] / "proto" / "events"
SCRIPTS = [path for path in FILES if path.suffix == ".js"]


async def test_every_file_of_the_page_is_served_as_what_it_is(site: Site) -> None:
    kinds = {
        ".html": "text/html",
        ".css": "text/css",
        ".js": "text/javascript",
        ".svg": "image/svg",
    }
    for path in FILES:
        answer = await site.http.get(f"/page/{path.relative_to(FOLDER)}")
        assert answer.status_code == 200, path
        assert answer.headers["content-type"].startswith(kinds[path.suffix])
        assert answer.content == path.read_bytes()
    for url, name in (("/", "index.html"), ("/docs", "docs.html")):
        assert (await site.http.get(url)).content == (FOLDER / name).read_bytes()


async def test_what_a_browser_has_already_is_not_sent_again(site: Site) -> None:
    first = await site.http.get("/page/base.css")
    tag = {"if-none-match": first.headers["etag"]}
    again = await site.http.get("/page/base.css", headers=tag)
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_nothing_is_fetched_from_elsewhere(path: Path) -> None:
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://(?!\$)|@import|\burl\(", text)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_the_security_policy_allows_all_that_is_there(path: Path) -> None:
    text = path.read_text()
    if path.suffix == ".html":
        assert "<style" not in text and " style=" not in text
        assert not re.search(r"<script(?![^>]* src=)", text)
        assert not re.search(r"\son\w+=", text)
    elif path.suffix == ".js":
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", text)


def test_every_reference_leads_to_a_file() -> None:
    served = set(load())
    for page in ("index.html", "docs.html"):
        for reference in re.findall(r'(?:src|href)="(/page/[^"]+)"', (FOLDER / page).read_text()):
            assert reference in served, reference
    for script in SCRIPTS:
        for reference in re.findall(r'from "([^"]+)"', script.read_text()):
            assert (script.parent / reference).resolve().is_file(), (script.name, reference)
        assert len(script.read_text().splitlines()) <= 400


def test_the_page_names_its_parts_for_those_who_cannot_see_it() -> None:
    index = (FOLDER / "index.html").read_text()
    assert '<html lang="en">' in index
    assert 'class="skip"' in index and 'aria-live="polite"' in index
    for button in re.findall(r"<button[^>]*>", index):
        assert "aria-label" in button


def test_every_event_is_told_and_every_command_that_is_offered_has_a_button() -> None:
    events = {path.name.removesuffix(".schema.json") for path in EVENTS.iterdir()}
    told = re.findall(r'^  "([a-z_]+[.][a-z_]+)":', (FOLDER / "js/story.js").read_text(), re.M)
    assert len(events) > 40 and events - set(told) == set()

    controls = (FOLDER / "js/controls.js").read_text()
    buttons = set(re.findall(r"^  ([a-z]+): \{ label:", controls, re.M))
    assert {*OF_RUN, *OF_STEP} - buttons == set()
