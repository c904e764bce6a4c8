"""The page as a person meets it: a real browser and stack, a run that fails and is undone."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ..running import Dev
from .browser import Page, browsing, program

pytestmark = pytest.mark.skipif(program() is None, reason="no Chromium is on this machine")

SAGA = """\
workflow: page-saga
on_failure: compensate
steps:
  reserve:
    task: std.echo
    with: {shelf: 7}
    labels: {risk: "${{ input.risk }}"}
    compensate: {task: std.echo}
  paid: {needs: [reserve], signal: paid}
  ship: {needs: [paid], task: std.fail, with: {type: NoCarrier, message: nobody goes there}}
"""


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with browsing() as page:
        yield page
        assert page.wrong == [], "the console says nothing bad"


@pytest.fixture
def saga(dev: Dev, tmp_path: Path) -> None:
    file = tmp_path / "saga.yaml"
    file.write_text(SAGA)
    dev.call("apply", str(file))


def begun(dev: Dev, risk: str) -> tuple[str, str]:
    """Start a saga; its id and key."""
    key = f"p-{uuid.uuid4()}"
    said = dev.call("start", "page-saga", "--id", key, "-i", f"risk={risk}")
    return said.stdout.strip(), key


async def tell(page: Page, command: str) -> None:
    """Press the button of a command, then that of its dialog, and wait until it is through."""
    await page.click(f"[data-command={command}]")
    await page.click("dialog button:not([type=button])")
    await page.until("document.querySelector('dialog') === null")


def status_is(status: str) -> str:
    return f"document.querySelector('.head .pill')?.textContent.trim() === '{status}'"


async def test_a_run_appears_by_itself_is_steered_and_its_undoing_is_told(
    page: Page, dev: Dev, saga: None
) -> None:
    await page.go(dev.ready["http"])
    await page.reads("Runs")
    run, key = begun(dev, "low")
    await page.reads(key)

    await page.click(f"a[href='#/runs/{run}']")
    await page.reads("waits for the signal 'paid'")
    await tell(page, "pause")
    await page.until(status_is("paused"))
    await tell(page, "resume")
    await page.until(status_is("running"))
    dev.call("signal", run, "paid")
    await page.until(status_is("failed"))

    story = "document.querySelector('.story').innerText"
    await page.until(f"{story}.includes('The run failed')")
    told = await page.look(story)
    places = [
        told.find(sentence)
        for sentence in (
            f"started as {key}.",
            "reserve completed on",
            "The run was paused.",
            "The run was resumed.",
            "paid takes the signal.",
            "ship failed with NoCarrier",
            "What was done is undone: reserve.",
            "reserve~compensate completed",
            "The run failed",
        )
    ]
    assert -1 not in places and places == sorted(places), told
    assert "Steps\n3 of 4" in await page.text()
    undone = "document.querySelector('.graph g[data-undone] title')?.textContent"
    await page.until(f"{undone} === 'reserve: std.echo (undone)'")
    await page.reads(f"What was done is undone; stretto fork {run} begins another run")


async def test_runs_are_found_by_the_labels_of_their_steps(
    page: Page, dev: Dev, saga: None
) -> None:
    risk = uuid.uuid4().hex[:8]
    _, low = begun(dev, "low")
    _, high = begun(dev, risk)
    dev.eventually("list", "--step-label", f"risk={risk}", until=high)

    await page.go(f"{dev.ready['http']}/#/runs")
    await page.reads(low)
    await page.write("select[aria-label='Search by']", "step_label")
    await page.write("input[aria-label='Search']", f"risk={risk}")

    await page.until("document.querySelectorAll('table.list tbody tr').length === 1")
    assert high in await page.text()


async def test_a_phone_has_the_switch_for_light_and_dark(page: Page, dev: Dev) -> None:
    await page.shaped(390, 800, dark=True)
    await page.go(f"{dev.ready['http']}/#/runs")
    look = "document.documentElement.dataset.theme"
    await page.until(f"{look} === 'dark'")

    there = "(() => { const at = document.getElementById('theme').getBoundingClientRect(); "
    assert await page.look(there + "return at.width > 0 && at.right <= innerWidth; })()")
    await page.click("#theme")

    await page.until(f"{look} === 'light'")
