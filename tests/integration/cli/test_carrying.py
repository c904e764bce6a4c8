"""Runs carried from one installation to another, and histories replayed, from the command line."""

import json
from pathlib import Path

from ..running import Dev


def test_a_run_is_exported_and_importing_it_where_it_is_changes_nothing(
    dev: Dev, sizes: list[str], sizes_file: Path, tmp_path: Path
) -> None:
    file = tmp_path / "run.json"
    dev.call("export", sizes[0], "--out", str(file))
    document = json.loads(dev.call("export", sizes[0]).stdout)
    assert document["run"]["status"] == "completed"
    assert document["definitions"][0]["source"] == sizes_file.read_text()
    assert json.loads(file.read_text())["digest"] == document["digest"]
    assert "was here already" in dev.call("import", str(file)).stdout
    assert dev.json("import", str(file))["created"] is False


def test_a_document_that_was_changed_is_refused(dev: Dev, sizes: list[str], tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text(dev.call("export", sizes[0]).stdout.replace('"completed"', '"failed"', 1))
    assert "it was changed" in dev.call("import", str(file), expect=2).stderr
    assert "expected to read" in dev.call("import", str(tmp_path / "none"), expect=2).stderr
    assert (
        "expected to write"
        in dev.call("export", sizes[0], "-o", str(tmp_path / "no" / "x"), expect=2).stderr
    )


def test_runs_that_would_go_otherwise_are_told(
    dev: Dev, sizes: list[str], sizes_file: Path, tmp_path: Path
) -> None:
    file, document = sizes_file, tmp_path / "run.json"
    dev.call("export", sizes[2], "--out", str(document))
    same = dev.call("replay", str(file), *sizes)
    assert "3 would go the same way" in same.stderr
    file.write_text(file.read_text().replace("> 100", "> 1000"))
    said = dev.call("replay", str(file), sizes[0], str(document), expect=1)
    assert f"✓ {sizes[0]}" in said.stdout
    assert f"≠ {sizes[2]}" in said.stdout
    assert "step size would choose small instead of large" in said.stdout
    assert "1 would go the same way" in said.stderr and "1 would go otherwise" in said.stderr
    told = dev.json("replay", str(file), str(document), expect=1)
    assert told["runs"][0]["differences"][0]["step"] == "size"
    # Without targets: the latest runs of the workflow.
    assert dev.json("replay", str(file), "--version", "1", expect=1)["counts"]["otherwise"] >= 1
    assert "no runs" in dev.call("replay", str(file), "--version", "99").stderr


def test_a_definition_or_document_with_mistakes_ends_with_2(dev: Dev, tmp_path: Path) -> None:
    file, document = tmp_path / "w.yaml", tmp_path / "run.json"
    file.write_text("workflow: w\nsteps: {a: {tsk: t}}\n")
    assert "w.yaml:2:" in dev.call("replay", str(file), expect=2).stdout
    file.write_text("workflow: w\nsteps: {a: {task: t}}\n")
    document.write_text("{}")
    assert "expected the document" in dev.call("replay", str(file), str(document), expect=2).stderr
