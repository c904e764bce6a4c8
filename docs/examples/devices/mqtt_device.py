"""A device that speaks MQTT 3.1.1 and nothing else: a socket, and the standard library.

A subject is a topic with `/` in the place of `.`: work for the device comes on
`stretto/device/<namespace>/<name>`, it says that it is there on `stretto/presence/…`, and answers
on the `reply` of each task.

    python docs/examples/devices/mqtt_device.py 127.0.0.1 1883 meter-1
"""

import json
import select
import socket
import struct
import sys
import time
from collections.abc import Iterator

EVERY_S = 3.0
"""How often it says that it is there; after 9 s of silence it counts as gone."""

MAX_SEEN = 1_000
"""Answers that are kept for tasks that come again."""

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, PING = 1, 3, 4, 8, 12


def packet(kind: int, body: bytes, flags: int = 0) -> bytes:
    """Write an MQTT packet: type and flags, the length in groups of seven bits, the body."""
    length, left = bytearray(), len(body)
    while True:
        left, digit = divmod(left, 128)
        length.append(digit | (128 if left else 0))
        if not left:
            return bytes([kind << 4 | flags]) + bytes(length) + body


def text(value: str) -> bytes:
    return struct.pack(">H", len(value.encode())) + value.encode()


class Device:
    """One connection. What was not acknowledged (QoS 1) is sent again by whoever sent it."""

    def __init__(self, host: str, port: int, name: str) -> None:
        self.name = name
        self.socket = socket.create_connection((host, port))
        self.number = 0
        self.seen: dict[str, dict[str, object]] = {}
        hello = text("MQTT") + bytes([4, 2]) + struct.pack(">H", 30) + text(name)
        self.socket.sendall(packet(CONNECT, hello))
        topic = text(f"stretto/device/default/{name}") + bytes([1])
        self.socket.sendall(packet(SUBSCRIBE, struct.pack(">H", 1) + topic, flags=2))

    def publish(self, subject: str, message: object) -> None:
        """Publish JSON with QoS 1."""
        self.number = self.number % 65_000 + 1
        body = text(subject.replace(".", "/")) + struct.pack(">H", self.number)
        self.socket.sendall(packet(PUBLISH, body + json.dumps(message).encode(), flags=2))

    def present(self) -> None:
        self.publish(
            f"stretto.presence.default.{self.name}",
            {"device": self.name, "tasks": ["meter.read"], "slots": 1, "attributes": {"site": "m"}},
        )

    def packets(self) -> Iterator[tuple[int, int, bytes]]:
        """Read packets for ever; say that it is there in between."""
        held, said = b"", 0.0
        while True:
            if time.monotonic() - said > EVERY_S:
                said = time.monotonic()
                self.present()
            if select.select([self.socket], [], [], 0.2)[0]:
                data = self.socket.recv(65_536)
                if not data:
                    return
                held += data
            while (end := self.ends(held)) is not None:
                start, stop = end
                yield held[0] >> 4, held[0] & 15, held[start:stop]
                held = held[stop:]

    @staticmethod
    def ends(held: bytes) -> tuple[int, int] | None:
        """Where the body of the first packet begins and ends; None: it is not here yet."""
        length = 0
        for place, byte in enumerate(held[1:5]):
            length |= (byte & 127) << (7 * place)
            if byte < 128:
                start = place + 2
                return (start, start + length) if len(held) >= start + length else None
        return None

    def run(self) -> None:
        for kind, flags, body in self.packets():
            if kind != PUBLISH:
                continue
            (size,) = struct.unpack(">H", body[:2])
            at = size + 2
            if flags & 6:  # QoS 1: it has a number, which is acknowledged
                self.socket.sendall(packet(PUBACK, body[at : at + 2]))
                at += 2
            for task in json.loads(body[at:])["tasks"]:
                self.work(task)

    def work(self, task: dict[str, object]) -> None:
        """Do a task once: what comes again is answered with what was answered."""
        reply, id_ = str(task["reply"]), str(task["id"])
        if task.get("accept"):
            self.publish(reply, {"accepted": id_, "worker": self.name})
        if len(self.seen) > MAX_SEEN:
            self.seen.clear()
        if id_ not in self.seen:
            output = {"value": 20.25, "by": self.name}
            done: dict[str, object] = {
                "id": id_,
                "status": "completed",
                "output": output,
                "worker": self.name,
            }
            self.seen[id_] = done
        self.publish(reply, {"results": [self.seen[id_]]})


if __name__ == "__main__":
    Device(sys.argv[1], int(sys.argv[2]), sys.argv[3]).run()
