"""The ready file and the logs."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from stretto.dev import process
from stretto.dev.log_view import LogView
from stretto.dev.plan import Endpoints
from stretto.dev.process import keep_small, tail_of
from stretto.dev.ready_file import FILE_NAME, read_ready, remove_ready, write_ready

ENDPOINTS = Endpoints(nats="nats://n", postgres="postgresql://p", http=None, otlp=None)


def test_the_ready_file_is_as_the_contract_says(tmp_path: Path) -> None:
    paths = [tmp_path / FILE_NAME, tmp_path / "deep" / "er" / "ready.json"]
    write_ready(paths, ENDPOINTS, {"workflow": [1, 2], "nats": [3], "postgres": []})
    for path in paths:
        assert json.loads(path.read_text()) == {
            "nats": "nats://n",
            "postgres": "postgresql://p",
            "http": None,
            "otlp": None,
            "supervisor": os.getpid(),
            "pids": {"workflow": [1, 2], "nats": [3], "postgres": []},
            "ready": True,
        }
        assert [p.name for p in path.parent.iterdir() if p.is_file()] == [path.name]
    remove_ready(paths)
    remove_ready(paths)
    assert not any(path.exists() for path in paths)


def test_a_ready_file_of_a_supervisor_that_is_gone_says_nothing(tmp_path: Path) -> None:
    assert read_ready(tmp_path) is None
    path = tmp_path / FILE_NAME
    path.write_text("{")
    assert read_ready(tmp_path) is None
    path.write_text(json.dumps({"nats": "n", "postgres": "p", "supervisor": 2**22 + 1}))
    assert read_ready(tmp_path) is None
    path.write_text(json.dumps({"nats": "n", "postgres": "p", "supervisor": os.getpid()}))
    found = read_ready(tmp_path)
    assert found is not None
    assert found.nats == "n"


def test_a_ready_file_of_somebody_else_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(pid: int, number: int) -> None:
        raise PermissionError

    write_ready([tmp_path / FILE_NAME], ENDPOINTS, {})
    monkeypatch.setattr(os, "kill", refused)
    assert read_ready(tmp_path) is None


def test_new_lines_of_all_logs_are_given_once_and_whole(tmp_path: Path) -> None:
    first = tmp_path / "one.log"
    first.write_text("before\n")
    view = LogView(tmp_path)
    assert view.new_lines() == []
    with first.open("a") as log:
        log.write("a\nb\nunfinis")
    (tmp_path / "two.log").write_text("c\n")
    assert view.new_lines() == [("one", "a"), ("one", "b"), ("two", "c")]
    with first.open("a") as log:
        log.write("hed\n")
    assert view.new_lines() == [("one", "unfinished")]
    first.write_text("anew\n")
    assert view.new_lines() == [("one", "anew")]


def test_a_line_without_end_does_not_hold_up_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stretto.dev.log_view.MAX_READ_BYTES", 4)
    view = LogView(tmp_path)
    (tmp_path / "one.log").write_text("123456\n")
    assert view.new_lines() == [("one", "1234")]
    assert view.new_lines() == [("one", "56")]


async def test_lines_are_shown_as_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stretto.dev.log_view.LOOK_EVERY_S", 0.0)
    view, log = LogView(tmp_path), tmp_path / "one.log"
    log.write_text("a\n")
    shown: list[tuple[str, str]] = []

    class Enough(Exception):
        """Two lines were shown."""

    def show(name: str, line: str) -> None:
        shown.append((name, line))
        if len(shown) == 2:
            raise Enough
        with log.open("a") as writing:
            writing.write("b\n")

    with pytest.raises(Enough):
        await asyncio.wait_for(view.follow(show), 10)

    assert shown == [("one", "a"), ("one", "b")]


def test_a_large_log_is_put_aside_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "one.log"
    keep_small(log)
    with log.open("a") as writing:
        print("small", file=writing, flush=True)
        keep_small(log)
        assert log.read_text() == "small\n"
        monkeypatch.setattr(process, "LOG_MAX_BYTES", 3)
        keep_small(log)
        assert (tmp_path / "one.log.1").read_text() == "small\n"
        print("more", file=writing, flush=True)
    assert log.read_text() == "more\n"


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    log.write_text("".join(f"{n}\n" for n in range(100)))
    assert tail_of(log, 3) == "97\n98\n99"
