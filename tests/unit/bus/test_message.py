"""A message reads its place in the stream from where it is to be acknowledged."""

from __future__ import annotations

import pytest

from stretto.bus.message import Message, ack_all, ack_up_to, in_progress_all

SHORT = b"$JS.ACK.ORDERS.workers.3.42.17.1795354301071403270.5"
LONG = b"$JS.ACK.hub.ABCDEF.ORDERS.workers.3.42.17.1795354301071403270.5.r4nd0m"


class Recorder:
    """Keeps what is settled."""

    def __init__(self) -> None:
        self.settled: list[tuple[int, list[bytes]]] = []

    def settle(self, epoch: int, commands: list[bytes]) -> None:
        self.settled.append((epoch, commands))


def message(settler: Recorder, reply: bytes = SHORT, epoch: int = 0, block: bytes = b"") -> Message:
    return Message(b"orders.a", reply, block, b"data", settler, epoch)


@pytest.mark.parametrize("reply", [SHORT, LONG])
def test_its_place_is_read_from_both_forms_of_the_reply_subject(reply: bytes) -> None:
    one = message(Recorder(), reply)
    assert (one.num_delivered, one.stream_seq, one.num_pending) == (3, 42, 5)
    assert one.timestamp_ns == 1795354301071403270
    assert (one.subject, one.data, one.headers) == ("orders.a", b"data", {})
    assert "orders.a" in repr(one)


def test_headers_are_decoded_when_asked_for() -> None:
    assert message(Recorder(), block=b"NATS/1.0\r\nA: 1\r\n\r\n").headers == {"A": "1"}


def test_each_verdict_is_one_command_to_its_reply_subject() -> None:
    settler = Recorder()
    one = message(settler)
    one.ack()
    one.in_progress()
    one.term()
    one.give_back()
    ack_up_to(one)
    assert [commands for _, commands in settler.settled] == [
        [b"PUB %b 0\r\n\r\n" % SHORT],
        [b"PUB %b 4\r\n+WPI\r\n" % SHORT],
        [b"PUB %b 5\r\n+TERM\r\n" % SHORT],
        [b"PUB %b 4\r\n-NAK\r\n" % SHORT],
        [b"PUB %b 0\r\n\r\n" % SHORT],
    ]


def test_many_are_settled_together_by_loop_and_epoch() -> None:
    first, second = Recorder(), Recorder()
    ack_all([message(first), message(first), message(first, epoch=1), message(second)])
    in_progress_all([])
    assert [(epoch, len(commands)) for epoch, commands in first.settled] == [(0, 2), (1, 1)]
    assert [(epoch, len(commands)) for epoch, commands in second.settled] == [(0, 1)]
