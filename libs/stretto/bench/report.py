"""The report for people: figures beside what is to be reached, and where the CPU goes."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from stretto.bench.figures import Report
from stretto.bench.targets import Target, rows

QUIET_CORES = 0.1
"""What a machine without other work uses; more than that makes figures worse."""

_TITLES = {
    "A": "3 sequential steps, one run at a time",
    "B": "10 sequential steps, many runs in flight",
    "C": "parallel steps, joined",
    "D": "one-step runs, started at once",
    "E": "10 sequential steps, at half of B's throughput",
}


def rendered(report: Report) -> RenderableType:
    """Return the whole report: what it was measured on, the figures, CPU and memory by part."""
    return Group(_heading(report), _figures(report), Text(), _split(report), *_notes(report))


def print_report(report: Report, console: Console) -> None:
    """Print the report for people."""
    console.print(rendered(report))


def number(value: float | None) -> str:
    """Write a figure with as many digits as mean something."""
    if value is None:
        return "–"
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def _heading(report: Report) -> Text:
    where, how = report.machine, report.settings
    spans = "exported" if how["spans_exported"] else "not exported"
    workers = f"{how['workers']} worker process" + ("es" if how["workers"] > 1 else "")
    expression = "computed" if how["computed"] else "a path (--both: and computed)"
    return Text.assemble(
        (f"Stretto {report.versions['stretto']} ({report.versions['revision']})", "bold"),
        f"  {where['cores']} cores, {where['cpu']}, {where['memory_gib']:g} GiB\n",
        f"servers, services, {workers} and the load on this machine; defaults of the product: ",
        f"{how['trace_ratio']:.0%} of the runs traced, spans {spans}; ",
        f"{how['payload_bytes']}-byte payloads; a step's expression is {expression}\n",
    )


def _figures(report: Report) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("", no_wrap=True)
    computed = ("computed",) if report.computed else ()
    for column in ("measured", *computed, "to reach", "aim"):
        table.add_column(column, justify="right", no_wrap=True)
    for letter, figures in report.workloads.items():
        table.add_row(Text(f"{letter}  {_TITLES[letter]}", style="bold"))
        again = report.computed.get(letter)
        beside = [] if again is None else rows(again)
        for index, row in enumerate(rows(figures)):
            also = [_measured(beside[index])] if beside else []
            wanted = (_wanted(row, row.reach), _wanted(row, row.aim))
            table.add_row(f"   {row.label}", _measured(row), *also, *wanted)
    return table


def _measured(row: Target) -> Text:
    style = {True: "green", False: "red", None: ""}[row.reached]
    mark = {True: "✓ ", False: "✗ ", None: ""}[row.reached]
    return Text(f"{mark}{number(row.value)} {row.unit}".rstrip(), style=style)


def _wanted(row: Target, value: float | None) -> str:
    if value is None:
        return ""
    sign = "" if value == 0 else "≥ " if row.more else "≤ "
    return f"{sign}{number(value)} {row.unit}".rstrip()


def _split(report: Report) -> Table:
    """Show CPU per step by part, and the memory of B."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("where it goes")
    for letter in report.workloads:
        table.add_column(f"{letter}: ms/step", justify="right")
    throughput = report.workloads.get("B")
    if throughput is not None:
        table.add_column("B: share", justify="right")
        table.add_column("B: MB", justify="right")
    leading = throughput or next(iter(report.workloads.values()))
    for part in [*leading.cost.cpu_ms_per_step_by_part, "all"]:
        cells = []
        for figures in report.workloads.values():
            cost = figures.cost
            spent = cost.cpu_ms_per_step_by_part.get(part, 0.0)
            cells.append(f"{cost.cpu_ms_per_step if part == 'all' else spent:.3f}")
        if throughput is not None:
            cost = throughput.cost
            whole = cost.cpu_ms_per_step or 1.0
            share = 1.0 if part == "all" else cost.cpu_ms_per_step_by_part[part] / whole
            memory = cost.rss_mb_peak if part == "all" else cost.rss_mb_by_part.get(part)
            cells += [f"{share:.0%}", number(memory)]
        table.add_row(part, *cells, style="bold" if part == "all" else "")
    return table


def _notes(report: Report) -> list[Text]:
    notes = [
        f"{name.replace('_', ' ')}: {number(ratio)} (1 is what the parts cost alone)"
        for name, ratio in report.ratios.items()
    ]
    if report.settings["profiled"]:
        notes.append("measured under a profiler: slower than without")
    match report.settings["sizes"]:
        case "short":
            notes.append("short workloads: they say whether it works, not how fast it is")
        case "changed":
            notes.append("not at the sizes of the benchmark")
    if report.machine["data_filesystem"] == "tmpfs":
        notes.append("the data lay in memory (tmpfs): flushes cost nothing; set TMPDIR to a disk")
    paces = {letter: figures.cost.pace_ms for letter, figures in report.workloads.items()}
    paces |= {f"{i} computed": f.cost.pace_ms for i, f in report.computed.items()}
    told = ", ".join(f"{letter} {number(pace)} ms" for letter, pace in paces.items())
    notes.append(f"pace, CPU time of a fixed piece of work: {told}; compare at the same pace only")
    measured = (*report.workloads.values(), *report.computed.values())
    others = max(figures.cost.others_cores for figures in measured)
    if others > QUIET_CORES:
        notes.append(f"not alone: other programs kept up to {others:.1f} cores busy meanwhile")
    return [Text(), *(Text(note, style="dim") for note in notes)]
