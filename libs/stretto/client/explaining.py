"""Why a run is still open, told with what every service knows of it.

The workflow service knows the causes: the log has them. Who is present and who runs an attempt is
known by the execution service; what an attempt last said of itself by the monitoring service. Where
one of those does not answer, the cause is told without it, and that it is missing is said.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from stretto.client.asking import Asks
from stretto.client.decisions import routed
from stretto.client.ended import tell_ended
from stretto.client.errors import Rejected
from stretto.client.waiting import waiting_sentence
from stretto.contracts.answers import (
    AttemptProgress,
    QueuePage,
    QueueView,
    ResourceView,
    RunProgress,
)
from stretto.contracts.bindings import MAX_ASKED, RoutedAttempt
from stretto.contracts.public import RunningAttempt
from stretto.runtime.errors import NotReachable

ASIDE_TIMEOUT_S = 2.0
"""What is asked besides the causes may be missing: it is not waited for long."""

MAX_NAMES = 8
"""Tasks, workers named in one sentence."""

SHORTAGE_S = 30
"""So long the execution service waits for somebody who brings more of a resource."""

OWN_PREFIX = "std."
"""Tasks that the execution service runs itself."""


class _Worker(msgspec.Struct):
    """One of `execution.devices`."""

    device: str
    namespace: str = "default"
    queue: str | None = None
    tasks: list[str] = []
    slots: int = 1
    busy: int = 0
    seen_at: str | None = None
    running: list[RunningAttempt] = []


class _Workers(msgspec.Struct):
    devices: list[_Worker] = []


class Fleet:
    """Who is present in a namespace, and what waits in the queues."""

    def __init__(
        self,
        workers: Sequence[_Worker],
        queues: Sequence[QueueView],
        resources: Sequence[ResourceView] = (),
    ) -> None:
        self.workers = workers
        self.resources = {each.name: each for each in resources}
        self.queues = {queue.queue: queue for queue in queues}

    def runs(self, attempt: str) -> tuple[_Worker, str] | None:
        """Who says that it runs an attempt, and since when."""
        for worker in self.workers:
            for each in worker.running:
                if each.id == attempt:
                    return worker, each.since
        return None

    def lacking(self, demand: dict[str, int]) -> dict[str, int]:
        """What of a demand for resources there is not, or is waited for because it is taken."""
        known = {name: self.resources.get(name) or ResourceView(name=name) for name in demand}
        free = {name: r.capacity - r.used if r.waiting else r.capacity for name, r in known.items()}
        return {name: amount for name, amount in demand.items() if amount > free[name]}

    def short(self, demand: dict[str, int]) -> list[str]:
        """Of what there is less in all than is demanded."""
        known = self.resources
        return [
            name
            for name, amount in demand.items()
            if name not in known or amount > known[name].capacity
        ]

    def on(self, queue: str | None) -> list[_Worker]:
        """The workers of a queue; of all queues for None."""
        return [w for w in self.workers if w.queue and queue in (None, w.queue)]


async def explain(asks: Asks, run_id: str) -> dict[str, Any]:
    """Ask why a run is open: `{"run_id", "workflow", "status", "pending": [cause …]}`.

    A cause has `step`, `cause`, `owner`, `since`, `until`?, `sentence`, and for an attempt `task`,
    `queue`?, `attempt`, `worker`?, `last_sign`?, `progress`?; `remedy` says what can be done.
    A run that fails, or has ended, has a `sentence` of its own, and a `remedy` where something can
    be done.

    Raises:
        NotReachable: the workflow service does not answer.
        Rejected: there is no such run.
    """
    found = await asks.ask("workflow", "explain", {"run_id": run_id}, dict[str, Any])
    tell_ended(found)
    if found.get("task") and found.get("failure"):
        await _tell_never_begun(asks, found)
    out = [cause for cause in found.get("pending", ()) if cause.get("cause") == "attempt"]
    for cause in found.get("pending", ()):
        _remedy(cause)
    if not out:
        return found
    fleet = await _fleet(asks, found.get("namespace", "default"))
    said = await _said(asks, run_id)
    waiting = await _without_device(asks, found["run_id"], out, fleet)
    now = datetime.now(UTC)
    for cause in out:
        if "task" not in cause:
            continue  # an older workflow service, that says less
        signs = said.get(cause["step"])
        if signs is not None and signs.attempt == cause.get("attempt", 0):
            cause["progress"], cause["message"] = signs.progress, signs.message
            cause["last_sign"] = signs.heard_at
        if (routed := waiting.get(cause["step"])) is not None:
            _tell_routed(cause, routed)
        elif fleet is None:
            cause["sentence"] += " The execution service does not answer: who is there is unknown."
        else:
            _tell_attempt(cause, found["run_id"], fleet, now)
    return found


async def _fleet(asks: Asks, namespace: str) -> Fleet | None:
    try:
        workers = await asks.ask("execution", "devices", {}, _Workers, ASIDE_TIMEOUT_S)
        page = await asks.ask("execution", "queues", {}, QueuePage, ASIDE_TIMEOUT_S)
    except (NotReachable, Rejected):
        return None
    return Fleet(
        [w for w in workers.devices if w.namespace == namespace],
        [q for q in page.queues if q.namespace == namespace],
        page.resources,
    )


async def _said(asks: Asks, run_id: str) -> dict[str, AttemptProgress]:
    """What the attempts of a run last said of themselves, by step."""
    try:
        found = await asks.ask(
            "monitoring", "progress", {"run_id": run_id}, RunProgress, ASIDE_TIMEOUT_S
        )
    except (NotReachable, Rejected):
        return {}
    return {each.step: each for each in found.attempts}


async def _without_device(
    asks: Asks, run_id: str, out: Sequence[dict[str, Any]], fleet: Fleet | None
) -> dict[str, RoutedAttempt]:
    """What the execution service knows of attempts that a route waits with for a device, or that
    the rate of their key keeps back, by step. An attempt of a device that is away may wait
    again."""
    there = {None} if fleet is None else {None, *(worker.device for worker in fleet.workers)}
    away = {cause["step"] for cause in out if fleet and cause.get("worker") not in there}
    ids = {
        f"{run_id}:{cause['step']}:{cause['attempt']}": cause["step"]
        for cause in out[:MAX_ASKED]
        if (cause.get("routed") or cause.get("rate_key"))
        and (cause.get("worker") is None or cause["step"] in away)
    }
    found = await routed(asks, list(ids)) if ids else {}
    return {
        ids[id_]: each
        for id_, each in found.items()
        if each.at in ("waiting", "rate") or ids[id_] not in away
    }


def _tell_routed(cause: dict[str, Any], waiting: RoutedAttempt) -> None:
    """Say what an attempt with a route waits for."""
    ranked = waiting.ranked
    text = f"Step {cause['step']!r}, attempt {cause['attempt']}: {waiting_sentence(waiting)}"
    if waiting.at == "waiting":
        counts = f"{ranked.present} present, {ranked.knowing} know {cause['task']!r}, "
        counts += f"{ranked.fitting} fit"
        why = [f"{count} × {reason}" for reason, count in ranked.refused.items()]
        text += f" ({'; '.join([counts, *why])})"
        cause["remedy"] = "`stretto devices` lists who is present, and what they say of themselves."
    cause["waits_for"] = waiting.reason
    cause["sentence"] = f"{text}. {_way_out(cause, waiting) or _limit(cause)}"


def _way_out(cause: dict[str, Any], waiting: RoutedAttempt) -> str | None:
    """What the route says for when nobody fits, where that comes before any timeout."""
    then, until = waiting.then, waiting.until
    if then is None or until is None or (cause.get("until") or until) < until:
        return None
    cause["until"], cause["unbounded"] = until, False
    way = f"it goes to queue {then.queue!r}" if then.queue else "it fails with NoDevice"
    return f"If nobody fits until {until}, {way}."


def _tell_attempt(cause: dict[str, Any], run_id: str, fleet: Fleet, now: datetime) -> None:
    """Say where an attempt is: at which worker, in which queue, or that nobody can do it."""
    who = f"Step {cause['step']!r}, attempt {cause['attempt']}:"
    task, queue = cause["task"], cause.get("queue")
    running = fleet.runs(f"{run_id}:{cause['step']}:{cause['attempt']}")
    if running is not None:
        worker, since = running
        cause["worker"], cause["running_since"] = worker.device, since
        cause["last_sign"] = max(filter(None, (cause.get("last_sign"), worker.seen_at)))
        text = f"{who} worker {worker.device!r} has run {task!r} for {_ago(since, now)}"
        text += f"; its last sign of life came {_ago(cause['last_sign'], now)} ago"
        cause["sentence"] = f"{text}{_progress(cause)}. {_limit(cause, begun=True)}"
    elif cause.get("worker") is not None:
        _tell_begun(cause, who, fleet, now)
    elif task.startswith(OWN_PREFIX):
        cause["sentence"] = f"{who} the execution service runs {task!r} itself. {_limit(cause)}"
    elif lacking := fleet.lacking(cause.get("resources", {})):
        _tell_lacking(cause, f"{who} {task!r}", list(lacking), fleet)
    else:
        _tell_queued(cause, who, task, queue, fleet)
        cause["sentence"] += _needs(cause.get("resources", {}), fleet)


def _tell_lacking(cause: dict[str, Any], who: str, lacking: Sequence[str], fleet: Fleet) -> None:
    """It waits for resources: they are taken, or nobody who is present has as much."""
    needed = _needs(cause["resources"], fleet)
    if short := fleet.short(cause["resources"]):
        ends = datetime.fromisoformat(cause["since"]) + timedelta(seconds=SHORTAGE_S)
        cause["until"], cause["unbounded"] = ends.isoformat().replace("+00:00", "Z"), False
        limit = f"If nobody brings more within {SHORTAGE_S} s, it fails with ResourceShortage."
        cause["remedy"] = (
            f"More {' and '.join(short)}: `Worker(resources=…)`, a device, or `STRETTO_RESOURCES`."
        )
    else:
        limit = _limit(cause)
        cause["remedy"] = "`stretto queues` shows what is taken, and how many wait for it."
    cause["sentence"] = f"{who} waits for {' and '.join(lacking)}.{needed} {limit}"


async def _tell_never_begun(asks: Asks, found: dict[str, Any]) -> None:
    """Say of a run that failed because nobody began a task in time who does that task now."""
    fleet = await _fleet(asks, found.get("namespace", "default"))
    if fleet is None:
        return
    nobody = _nobody_does(found["task"], found.get("queue"), fleet)
    if nobody is not None:
        found["sentence"] += f" Now {nobody}."


def _nobody_does(task: str, queue: str | None, fleet: Fleet) -> str | None:
    """Say that nobody who is present does a task; None: somebody does."""
    there = fleet.on(queue)
    where = f" on queue {queue!r}" if queue else ""
    if not there:
        return f"no worker is present{where}, so nobody does {task!r}"
    if any(task in w.tasks or not w.tasks for w in there):
        return None
    known = sorted({name for w in there for name in w.tasks})
    near = difflib.get_close_matches(task, known, n=1)
    meant = f" (is {near[0]!r} meant?)" if near else ""
    return (
        f"no worker that is present{where} knows the task {task!r}{meant}; the "
        f"{'one there does' if len(there) == 1 else f'{len(there)} there do'} {_names(known)}"
    )


def _needs(demand: dict[str, int], fleet: Fleet) -> str:
    """What an attempt needs of named resources, and how much of that there is."""
    told = []
    for name, amount in demand.items():
        known = fleet.resources.get(name, ResourceView(name=name))
        there = f"there {'is' if known.capacity == 1 else 'are'} {known.capacity} in all"
        taken = "" if amount > known.capacity else f", {known.used} taken"
        told.append(f"{amount} {name}, {there}{taken}")
    return f" It needs {'; '.join(told)}." if told else ""


def _tell_begun(cause: dict[str, Any], who: str, fleet: Fleet, now: datetime) -> None:
    """A worker has accepted it, and does not say (yet) that it runs it."""
    name, since = cause["worker"], cause["since"]
    present = any(w.device == name for w in fleet.workers)
    if cause.get("sent"):
        text = f"{who} {cause['task']!r} was sent to {name!r}, which has not said that it began"
        text += "" if present else " and is not present any more"
    else:
        text = f"{who} worker {name!r} began {cause['task']!r} {_ago(since, now)} ago"
        text += "" if present else " and is not present any more; another worker gets it soon"
    if not present:
        cause["remedy"] = "`stretto devices` lists who is present."
    cause["sentence"] = f"{text}{_progress(cause)}. {_limit(cause, begun=not cause.get('sent'))}"


def _tell_queued(
    cause: dict[str, Any], who: str, task: str, queue: str | None, fleet: Fleet
) -> None:
    """Nobody says that he runs it: it waits, or it went out a moment ago."""
    text = _nobody_does(task, queue, fleet)
    cause["remedy"] = "`stretto worker FILE` starts a worker."
    if text is None:
        able = [w for w in fleet.on(queue) if task in w.tasks or not w.tasks]
        where = f" on queue {queue!r}" if queue else ""
        slots, busy = sum(w.slots for w in able), sum(w.busy for w in able)
        line = fleet.queues.get(queue or able[0].queue or "")
        before = "" if line is None or not line.waiting else f", {line.waiting} attempts are held"
        text = (
            f"{task!r} waits for a free slot of {_names(sorted(w.device for w in able))}"
            f"{where}: {busy} of {slots} slots are taken{before}"
        )
        cause["remedy"] = "`stretto queues` shows what waits; more workers or slots make it faster."
        if busy < slots:
            those = _names(sorted(w.device for w in able))
            text = f"{task!r} is with {those}{where} or on its way{before}"
            del cause["remedy"]
    cause["sentence"] = f"{who} {text}. {_limit(cause)}"


def _limit(cause: dict[str, Any], begun: bool = False) -> str:
    if cause.get("unbounded"):
        return "It has no timeout: nothing but its result ends it."
    if cause.get("until"):
        return f"At the latest at {cause['until']} its time is up."
    if begun and (silent_s := cause.get("heartbeat_s")):
        return f"It fails when it gives no sign of life for {silent_s:g} s."
    return "Its timeout begins when a worker does." if not begun else "Its result ends it."


def _progress(cause: dict[str, Any]) -> str:
    share, message = cause.get("progress"), cause.get("message")
    told = [] if share is None else [f"{share:.0%} done"]
    told += [repr(message)] if message else []
    return f" ({', '.join(told)})" if told else ""


_REMEDIES = {
    "paused": "`stretto resume RUN` makes it go on.",
    "signal": "`stretto signal RUN NAME` sends it.",
    "approval": "`stretto approve RUN` or `stretto reject RUN` decides.",
    "rollout_pause": "`stretto approve RUN --step STEP` lets the next wave begin, `stretto reject "
    "RUN --step STEP` ends the rollout.",
    "retry": "`stretto retry RUN STEP` tries it at once.",
    "compensation_failed": "`stretto retry RUN STEP` tries it again, `stretto skip RUN STEP` does "
    "without.",
}


def _remedy(cause: dict[str, Any]) -> None:
    kind = str(cause.get("cause"))
    if kind == "rollout" and cause.get("owner") == "person":
        kind = "rollout_pause"
    remedy = _REMEDIES.get(kind)
    if remedy is not None:
        remedy = remedy.replace("NAME", str(cause.get("signal", "NAME")))
        if by := cause.get("by"):
            remedy = remedy.replace("RUN`", f"RUN --by {by[0]}`")
        cause["remedy"] = remedy.replace("STEP", str(cause.get("step", "STEP")))


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:MAX_NAMES])
    more = len(names) - MAX_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _ago(at: str, now: datetime) -> str:
    """How long an instant is past, in words."""
    total = max(0, int((now - datetime.fromisoformat(at)).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if total >= size:
            whole, rest = divmod(total, size)
            smaller = {"d": (3_600, "h"), "h": (60, "min"), "min": (1, "s")}[unit]
            return f"{whole} {unit} {rest // smaller[0]} {smaller[1]}"
    return f"{total} s"
