"""What a connection tells those who listen for it to go and come back."""

from stretto.bus.connection import Connection


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
