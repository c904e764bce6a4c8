"""Acknowledgements of what a pull loop has handed out: they belong to one life of its consumer.

An *epoch* is the life of one consumer, from its creation to its loss. Acknowledgements of another
epoch are dropped: in a store that was made again the same sequence number is another message. While
it is not known whether the consumer is still the same one, they wait.
"""

from .connection import Connection


class Settling:
    """Sends acknowledgements, keeps them, or drops them.

    Attributes:
        epoch: which life of the consumer this is.
        dropped: how many acknowledgements were dropped because their store is gone.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.epoch = 0
        self.dropped = 0
        self._created: str | None = None
        self._generation = 0
        self._sure = False
        self._closed = False
        self._waiting: list[bytes] = []

    def settle(self, epoch: int, commands: list[bytes]) -> None:
        """Send acknowledgements, or keep them while it is not sure whether their consumer is there,
        or drop them.

        Also after ``close``: what was handed out is finished as long as the connection lasts.
        """
        connection = self._connection
        if epoch != self.epoch:
            self.dropped += len(commands)
        elif self._sure and connection.is_connected and connection.generation == self._generation:
            connection.send_later(commands[0] if len(commands) == 1 else b"".join(commands))
        elif self._closed:
            self.dropped += len(commands)
        else:
            self._waiting += commands

    def found(self, created: str) -> bool:
        """Note that the consumer is there, made at that instant, and send what waited for that.

        Returns:
            Whether it is another one than before: a new epoch begins, and what waited is dropped.
        """
        is_another = self._created is not None and created != self._created
        if is_another:
            self.epoch += 1
            self.dropped += len(self._waiting)
            self._waiting.clear()
        self._created = created
        self._generation = self._connection.generation
        self._sure = True
        for command in self._waiting:
            self._connection.send(command)
        self._waiting.clear()
        return is_another

    def lost(self) -> None:
        """Note that it is not known any more whether the consumer is there."""
        self._sure = False

    def close(self) -> None:
        """Keep nothing from now on: nobody will find the consumer again."""
        self._closed = True
