"""`stretto check-worker`: does a worker, in whatever language, keep the protocol?"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack

import click

from stretto.bus.connection import connect
from stretto.bus.credentials import credentials_of_environment
from stretto.cli.calling import Call, bus_command
from stretto.cli.exits import EXIT_RUN_FAILED
from stretto.cli.printing import out, print_json
from stretto.client.client import CONNECT_TIMEOUT_S, DEFAULT_URL
from stretto.conformance import Finding, Report, Target, Verdict, check_worker
from stretto.conformance.findings import ended_after
from stretto.conformance.hosting import WORKER_ENDED, own_bus, worker_process
from stretto.conformance.stage import prepare
from stretto.contracts.subjects import is_name
from stretto.runtime.errors import PermanentError

_MARKS = {
    Verdict.KEPT: ("✓", "green"),
    Verdict.WRONG: ("✗", "red"),
    Verdict.WARNING: ("!", "yellow"),
    Verdict.NOT_TRIED: ("–", "dim"),
}


@click.command("check-worker")
@click.option("--queue", "-q", metavar="QUEUE", help="The queue that the worker pulls from.")
@click.option(
    "--device", "-d", metavar="DEVICE", help="The device that it is: addressed by its name."
)
@click.argument("command", nargs=-1)
@bus_command
async def check_worker_command(
    call: Call, *, queue: str | None, device: str | None, command: tuple[str, ...]
) -> None:
    """Try a worker against every rule of the protocol, and say what it does wrong.

    With COMMAND (after `--`) the worker is started on a bus of its own, which `{nats}` in the
    command and STRETTO_NATS_URL name. Without, it is one that runs already, on the bus of --nats.

    It has handlers for check.echo, check.sleep, check.fail and check.large: see docs/protocol.md.
    Exit code 1: it does something wrong.
    """
    if (queue is None) == (device is None):
        raise click.UsageError("expected either --queue or --device")
    place = queue or device
    if place is None or not is_name(place):
        raise click.UsageError(f"expected a name like 'payments', but got {place!r}")
    logging.getLogger("stretto").addHandler(logging.NullHandler())
    target = Target(call.namespace, queue, device)
    heard: list[Finding] = []

    def hear(finding: Finding) -> None:
        heard.append(finding)
        if not call.json:
            _say(finding)

    try:
        report = await _tried(call, target, command, hear)
    except PermanentError as error:
        if error.code != WORKER_ENDED or not heard:
            raise
        report = ended_after(heard, target.text, error.message)
        hear(report.findings[-1])
    if call.json:
        print_json({"conforms": report.conforms, "report": report})
    else:
        _conclude(report)
    if not report.conforms:
        sys.exit(EXIT_RUN_FAILED)


async def _tried(
    call: Call, target: Target, command: tuple[str, ...], hear: Callable[[Finding], None]
) -> Report:
    async with AsyncExitStack() as stack:
        url = call.url or DEFAULT_URL
        if command:
            url = await stack.enter_async_context(own_bus())
        connected = await connect(
            url,
            "stretto-check",
            credentials=credentials_of_environment(url),
            timeout_s=CONNECT_TIMEOUT_S,
        )
        connection = await stack.enter_async_context(connected)
        if command:
            await prepare(connection, target)
            await stack.enter_async_context(worker_process(command, url))
        return await check_worker(connection, target, hear)


def _say(finding: Finding) -> None:
    mark, style = _MARKS[finding.verdict]
    text = f"{mark} {finding.rule}: {finding.sentence}"
    out().print(text, style=style, markup=False, soft_wrap=True)
    if finding.remedy:
        out().print(f"    {finding.remedy}", markup=False, soft_wrap=True)


def _conclude(report: Report) -> None:
    wrong = sum(finding.verdict is Verdict.WRONG for finding in report.findings)
    who = report.worker or "the worker"
    said = "keeps the protocol" if not wrong else f"breaks {wrong} of its rules"
    out().print(f"\n{who} ({report.place}) {said}", markup=False, soft_wrap=True)
