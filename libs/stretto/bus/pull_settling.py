"""Acknowledgements of what a pull loop has handed out: they belong to one life of its consumer.

An *epoch* is the life of one consumer, from its creation to its loss. Acknowledgements of another
epoch are dropped: in a store that was made again the same sequence number is another message. While
it is not known whether the consumer is still the same one, they wait.
"""

import asyncio

from .connection import Connection


class Settling:
    """Sends acknowledgements, keeps them, or drops them.

    Attributes:
        epoch: which life of the consumer this is.
        dropped: how many acknowledgements were dropped because their store is gone.
        patience_s: how long acknowledgements may wait for others; default 0. For streams in files:
            the server flushes for each message that it deletes, and much more for one that was
            alone. A process that dies before is given the messages again.
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
        self.patience_s = 0.0
        self._patient: list[bytes] = []
        self._patient_epoch = 0
        self._timer: asyncio.TimerHandle | None = None

    def done(self, epoch: int, commands: list[bytes]) -> None:
        """Acknowledge, after `patience_s` at the latest."""
        if self.patience_s == 0 or self._closed:
            self.settle(epoch, commands)
            return
        if epoch != self._patient_epoch:
            self.flush()
            self._patient_epoch = epoch
        self._patient += commands
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self.patience_s, self.flush)

    def flush(self) -> None:
        """Let no acknowledgement wait any longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        patient, self._patient = self._patient, []
        if patient:
            self.settle(self._patient_epoch, patient)

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
        self.flush()
        self._closed = True
