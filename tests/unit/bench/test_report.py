"""The report shows every figure beside what is to be reached, and is JSON of the agreed form."""

import io

import msgspec
import pytest
from rich.console import Console

from stretto.bench.report import number, print_report
from stretto.bench.targets import Target, ratios, rows
from tests.unit.bench.reports import COST, WORKLOADS, report


def printed(letters: str = "ABCDE", *, both: bool = False, **settings: object) -> str:
    text = io.StringIO()
    print_report(report(letters, both=both, **settings), Console(file=text, width=200))
    return text.getvalue()


def test_json_has_the_agreed_keys() -> None:
    found = msgspec.json.decode(msgspec.json.encode(report()))
    agreed = {
        "A": {"p50_ms", "p95_ms", "p99_ms"},
        "B": {"runs_per_s", "steps_per_s", "p50_ms", "p99_ms", "cpu_ms_per_step", "rss_mb_peak"},
        "C": {"p50_ms", "speedup"},
        "D": {"seconds", "lost"},
    }
    for letter, keys in agreed.items():
        assert keys <= set(found["workloads"][letter])
    assert set(found) == {"workloads", "computed", "ratios", "settings", "machine", "versions"}


def test_figures_stand_beside_what_is_to_be_reached() -> None:
    text = printed()
    line = next(line for line in text.splitlines() if "p99" in line)
    assert line.split() == ["p99", "✗", "20", "ms", "≤", "16", "ms", "≤", "10", "ms"]
    line = next(line for line in text.splitlines() if line.startswith("   steps"))
    assert line.split() == ["steps", "✓", "6,000", "/s", "≥", "5,000", "/s", "≥", "12,000", "/s"]


def test_computed_expressions_stand_beside_paths() -> None:
    text = printed(both=True)
    assert ["measured", "computed", "to", "reach", "aim"] in [x.split() for x in text.splitlines()]
    line = next(line for line in text.splitlines() if "p99" in line)
    assert line.split()[:7] == ["p99", "✗", "20", "ms", "✗", "20", "ms"]
    assert "E 2 ms, A computed 2 ms" in text
    assert "expression is a path (--both: and computed)" in " ".join(printed().split())
    assert "expression is computed" in " ".join(printed(computed=True).split())


def test_the_table_says_what_was_measured_and_how() -> None:
    text = printed()
    assert "2 cores, Some CPU, 24 GiB" in text
    assert "1 worker process and" in text
    assert "1% of the runs traced, spans not exported" in text
    assert "2 worker processes and" in printed(workers=2)
    assert "spans exported" in printed(spans_exported=True)


def test_cpu_is_split_by_part() -> None:
    lines = printed().splitlines()
    line = next(line for line in lines if line.startswith("workflow"))
    assert line.split() == ["workflow", *["0.150"] * 5, "75%", "200"]
    line = next(line for line in lines if line.startswith("all"))
    assert line.split() == ["all", *["0.200"] * 5, "100%", "300"]


def test_one_workload_alone_is_shown() -> None:
    text = printed(letters="C")
    assert "20 × 50 ms, speed-up" in text
    assert "B: share" not in text
    assert "to floor" not in text


def test_what_makes_figures_doubtful_is_said() -> None:
    assert "short workloads" in printed(sizes="short")
    assert "not at the sizes" in printed(sizes="changed")
    assert "profiler" in printed(profiled=True)
    assert "short workloads" not in printed()
    assert "A 2 ms, B 2 ms, C 2 ms, D 2 ms" in printed()
    busy = report("A")
    busy.machine["data_filesystem"] = "tmpfs"
    busy.workloads["A"] = msgspec.structs.replace(
        WORKLOADS["A"], cost=msgspec.structs.replace(COST, others_cores=0.7)
    )
    text = io.StringIO()
    print_report(busy, Console(file=text, width=200))
    assert "tmpfs" in text.getvalue()
    assert "other programs kept up to 0.7 cores busy" in text.getvalue()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (3.0, "3"),
        (12000, "12,000"),
        (123.4, "123"),
        (12.34, "12.3"),
        (0.06543, "0.0654"),
    ],
)
def test_numbers_have_the_digits_that_mean_something(value: float | None, text: str) -> None:
    assert number(value) == text


def test_a_target_is_reached_from_its_own_side() -> None:
    assert Target("latency", 9.0, "ms", reach=9.0).reached is True
    assert Target("latency", 9.1, "ms", reach=9.0).reached is False
    assert Target("speed", 4999.0, "/s", reach=5000.0, more=True).reached is False
    assert Target("memory", None, "MB", reach=700.0).reached is None
    assert Target("p95", 3.0, "ms").reached is None


def test_every_target_of_the_workloads_is_there() -> None:
    wanted = {
        letter: {row.label: (row.reach, row.aim) for row in rows(figures) if row.reach is not None}
        for letter, figures in WORKLOADS.items()
    }
    assert wanted == {
        "A": {"start → result, p50": (9, 6), "p99": (16, 10)},
        "B": {
            "steps": (5000, 12000),
            "runs": (500, 1200),
            "CPU per step": (0.35, 0.16),
            "peak memory": (700, 350),
            "lost": (0, 0),
        },
        "C": {"100 parallel, p50": (35, 15), "20 × 50 ms, speed-up": (18, 19.3)},
        "D": {"until the last result": (4, 1.5), "lost": (0, 0)},
        "E": {"lost": (0, 0)},
    }


def test_ratios_are_multiples_of_the_floor() -> None:
    assert ratios(WORKLOADS) == {
        "A_p50_to_floor": 1.0,
        "B_cpu_to_floor": 3.08,
        "B_bare_pipeline_to_steps": 3.25,
    }
