"""What devices say of themselves is read within limits."""

import re

import pytest

from stretto.contracts.presence import MAX_PRESENCE_BYTES, MAX_SLOTS, read_presence


def test_what_a_device_says_is_read() -> None:
    said = read_presence(b'{"queue": "q", "slots": 4, "busy": 1, "resources": {"gpu": 2}}')
    assert (said.queue, said.slots, said.busy, said.resources) == ("q", 4, 1, {"gpu": 2})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"slots": -1}', "slots of 0 to 100000, but got -1"),
        (b'{"slots": %d}' % (MAX_SLOTS + 1), "slots of 0"),
        (b'{"busy": -1000000000}', "busy of 0"),
        (b'{"resources": {"gpu": -5}}', "an amount of 'gpu' of 0 to"),
        (b'{"resources": {"gpu": 1000000000}}', "an amount of 'gpu' of 0 to"),
        (b'{"tasks": ["a", "%b"]}' % (b"x" * 257), "tasks of at most 256 characters, but got 257"),
        (b'{"capabilities": ["%b"]}' % (b"x" * 300), "capabilities of at most 256"),
        (b'{"queue": "a.>"}', "a queue to be a name"),
        (b'{"device": "%b"}' % (b"x" * MAX_PRESENCE_BYTES), "at most 65536 bytes"),
        (b'{"attributes": {"a": %b}}' % (b"[" * 70 + b"]" * 70), "nested at most 64 deep"),
        (b'{"slots": "many"}', "Expected `int`"),
        (b"nonsense", "JSON is malformed"),
    ],
)
def test_what_no_device_can_be_is_refused(text: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        read_presence(text)
