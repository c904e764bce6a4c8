"""What a connection tells those who listen for it to go and come back."""

import pytest

from stretto.bus.connection import Connection
from stretto.runtime.errors import TransientError


def test_a_connection_is_lost_once_and_not_before_it_was_there() -> None:
    told: list[str] = []
    connection = Connection("test", "_INBOX")
    connection.on_change(lost=lambda: told.append("lost"), back=lambda: told.append("back"))

    connection._lost()
    assert told == []
    connection._came_up()
    connection._lost()
    connection._lost()

    assert told == ["lost"]
    assert not connection.is_connected


def test_a_closed_connection_sends_nothing_now_or_later() -> None:
    connection = Connection("test", "_INBOX")
    connection.is_closed = True

    for send in (connection.send, connection.send_later):
        with pytest.raises(TransientError, match="expected connection test to be open"):
            send(b"PUB a 0\r\n\r\n")
