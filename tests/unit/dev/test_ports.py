"""A stack takes the ports that it had before, and says which it could not have again."""

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from stretto.dev import DevOptions, DevStack, claims
from stretto.dev.plan import Endpoints, port_near
from stretto.dev.ports import FILE_NAME, Ports, moved, ports_of, read_ports, write_ports
from stretto.dev.stack import Silent
from stretto.dev.traces import TraceReceiver, receiver
from stretto.testkit.ports import LOOPBACK, free_port


def test_ports_are_kept_for_the_next_start(tmp_path: Path) -> None:
    there = Endpoints(nats="nats://h:1", postgres="postgresql://u:p@h:2/d", http="http://h:3")

    write_ports(tmp_path, ports_of(there))

    assert read_ports(tmp_path) == Ports(nats=1, postgres=2, http=3)
    assert ports_of(there, nats=False, postgres=False) == Ports(http=3), "others have theirs"


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"nats": "x"}'])
def test_what_cannot_be_read_is_not_known(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / FILE_NAME).write_bytes(content)

    assert read_ports(tmp_path) == Ports()


@pytest.fixture(autouse=True)
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the locks of ports here; none is held before a test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(claims, "_held", {})
    return tmp_path


def test_a_port_that_another_process_has_chosen_is_passed_over(locks: Path) -> None:
    usual = free_port()
    code = f"from stretto.dev.claims import claim; print(claim({usual}), flush=True); input()"
    other = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"TMPDIR": str(locks)},
    )  # fmt: skip
    assert other.stdin is not None and other.stdout is not None
    with other:
        assert other.stdout.readline() == "True\n"
        assert port_near(usual) != usual
        other.stdin.close()

    assert port_near(usual) == usual, "it has ended"
    assert port_near(usual) == usual, "it is ours, as long as nobody listens"


def test_where_no_lock_can_be_had_a_listener_decides(
    locks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(locks / "nowhere"))

    assert port_near(port := free_port()) == port


def test_the_port_of_before_comes_first_then_the_usual_one_then_any() -> None:
    before, usual = free_port(), free_port()

    assert port_near(usual, before) == before
    assert port_near(usual) == usual
    with socket.create_server((LOOPBACK, before)):
        assert port_near(usual, before) == usual
        with socket.create_server((LOOPBACK, usual)):
            assert port_near(usual, before) not in (usual, before)


def test_a_port_that_could_not_be_had_again_is_told() -> None:
    before = Ports(nats=1, postgres=2, http=3)

    assert moved(before, Ports(nats=1, http=9, otlp=4)) == [
        "port 3 of http, where it was before, is taken: it is on port 9"
    ]


async def test_spans_are_taken_elsewhere_when_somebody_was_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(receiver, "port_near", lambda usual, before: port)
        traces = TraceReceiver(tmp_path)
        await traces.start()

        assert not traces.url.endswith(f":{port}")
        await traces.stop()


def test_a_stack_says_which_ports_it_could_not_have_again_and_keeps_those_that_it_has(
    tmp_path: Path,
) -> None:
    write_ports(tmp_path, Ports(nats=1, postgres=2, http=3))
    noted: list[str] = []

    class Noting(Silent):
        def note(self, sentence: str) -> None:
            noted.append(sentence)

    stack = DevStack(DevOptions(data=tmp_path), Noting())
    stack._endpoints = Endpoints(
        nats="nats://127.0.0.1:1",
        postgres="postgresql://postgres@127.0.0.1:9/stretto",
        http="http://127.0.0.1:3",
        otlp=None,
    )

    stack._keep_ports()

    assert noted == ["port 2 of postgres, where it was before, is taken: it is on port 9"]
    assert read_ports(tmp_path).postgres == 9
