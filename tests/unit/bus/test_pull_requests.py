"""The sum of what is owed stays right whatever order requests, messages and ends come in."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.bus.pull_requests import Ended, PullRequests

INBOX = "_INBOX.x."


def requests(batch: int = 100, group: str | None = None) -> PullRequests:
    made = PullRequests(
        "S", "c", batch=batch, expires_s=30, heartbeat_s=5, max_bytes=1000, group=group
    )
    made.begin(INBOX)
    return made


def end(made: PullRequests, number: int, status: str, pending: int | None = None) -> Ended:
    """Let the server end a request."""
    block = f"NATS/1.0 {status}\r\n"
    if pending is not None:
        block += f"Nats-Pending-Messages: {pending}\r\n"
    subject = f"{INBOX}{number}".encode()
    assert made.is_status(subject, (block + "\r\n").encode())
    return made.ended(subject, (block + "\r\n").encode())[0]


def body(command: bytes) -> dict[str, object]:
    """Return what a command asks for."""
    asked: dict[str, object] = msgspec.json.decode(command.split(b"\r\n")[1])
    return asked


def test_a_request_says_how_much_and_for_how_long() -> None:
    command = requests().ask(7)
    assert command.startswith(b"PUB $JS.API.CONSUMER.MSG.NEXT.S.c _INBOX.x.1 ")
    assert body(command) == {
        "batch": 7,
        "expires": 30_000_000_000,
        "idle_heartbeat": 5_000_000_000,
        "max_bytes": 1000,
    }


def test_more_is_wanted_when_most_is_used_up_and_it_is_worth_a_request() -> None:
    made = requests(batch=100)
    assert made.wanted(0) == 0
    assert made.wanted(-5) == 0
    assert made.wanted(1) == 1
    assert made.wanted(1000) == 100
    made.ask(100)
    assert made.wanted(1000) == 0
    for _ in range(74):
        made.delivered(b"")
    assert made.wanted(1000) == 0
    made.delivered(b"")
    assert made.wanted(1000) == 100
    assert made.wanted(50) == 50
    assert made.wanted(49) == 0


@given(st.data())
def test_the_sum_is_right_in_every_order(data: st.DataObject) -> None:
    made = requests(batch=10)
    open_requests: dict[int, int] = {}  # as the server sees them
    for _ in range(data.draw(st.integers(0, 60))):
        action = data.draw(st.sampled_from(["ask", "deliver", "expire"]))
        if action == "ask":
            want = made.wanted(data.draw(st.integers(0, 30)))
            if want:
                made.ask(want)
                open_requests[made.made] = want
        elif open_requests:
            number = data.draw(st.sampled_from(sorted(open_requests)))
            if action == "deliver":
                made.delivered(b"")
                open_requests[number] -= 1
            if action == "expire" or open_requests[number] == 0:
                pending = open_requests.pop(number)
                status = "409 Batch Completed" if pending == 0 else "408 Request Timeout"
                assert end(made, number, status, pending) is Ended.COUNTED
        assert made.owed == sum(open_requests.values())


@pytest.mark.parametrize(
    ("status", "pending", "meaning", "owed"),
    [
        ("100 Idle Heartbeat", None, Ended.NOT, 5),
        ("408 Request Timeout", 3, Ended.COUNTED, 2),
        ("404 No Messages", None, Ended.COUNTED, 0),
        ("409 Consumer Deleted", None, Ended.UNCLEAR, 5),
        ("409 Message Size Exceeds MaxBytes", 5, Ended.COUNTED, 0),
        ("400 Bad Request", None, Ended.REFUSED, 5),
        ("503", None, Ended.MISSING, 5),
    ],
)
def test_every_end_has_a_meaning(
    status: str, pending: int | None, meaning: Ended, owed: int
) -> None:
    made = requests()
    made.ask(5)
    assert end(made, 1, status, pending) is meaning
    assert made.owed == owed


def test_an_end_counts_once_and_only_for_a_request_of_ours() -> None:
    made = requests()
    made.ask(5)
    assert end(made, 2, "408 x", 5) is Ended.NOT
    assert end(made, 1, "408 x", 5) is Ended.COUNTED
    assert end(made, 1, "408 x", 5) is Ended.NOT
    assert made.ended(INBOX.encode() + b"no number", b"NATS/1.0 408 x\r\n\r\n")[0] is Ended.NOT
    assert made.owed == 0


def test_messages_are_not_taken_for_words_of_the_server() -> None:
    made = requests()
    assert not made.is_status(b"orders.a", b"NATS/1.0\r\nA: 1\r\n\r\n")
    assert not made.is_status(b"orders.a", b"NATS/1.0 408 x\r\n\r\n")
    assert not made.is_status(INBOX.encode() + b"1", b"NATS/1.0\r\nA: 1\r\n\r\n")


def test_a_new_inbox_owes_nothing() -> None:
    made = requests()
    made.ask(5)
    made.begin("_INBOX.y.")
    assert made.owed == 0
    assert made.ask(5).split(b" ")[2] == b"_INBOX.y.2"


def test_the_pin_goes_into_requests_until_the_server_refuses_it() -> None:
    made = requests(group="active")
    assert body(made.ask(5))["group"] == "active"
    assert made.wanted(1000) == 0, "one request at a time: which one is pinned is not known"
    for _ in range(2):
        made.delivered(b"NATS/1.0\r\nNats-Pin-Id: abc\r\n\r\n")
    assert made.pin == "abc"
    assert end(made, 1, "408 x", 3) is Ended.COUNTED
    assert body(made.ask(5))["id"] == "abc"
    assert end(made, 2, "423 Nats-Pin-Id mismatch") is Ended.COUNTED
    assert made.pin is None
    assert made.owed == 0
    assert "id" not in body(made.ask(5))
    made.delivered(b"NATS/1.0\r\nA: 1\r\n\r\n")
    assert made.pin is None


def test_requests_that_never_end_are_forgotten() -> None:
    made = requests()
    for _ in range(1000):
        made.ask(1)
    assert len(made._known) == 64
