"""How much goes into one message to another service."""

SMALL_FRAME_RECORDS = 8
"""Up to so many records a frame is published without acknowledgement."""

SMALL_QUESTIONS = 32
"""Questions of a few runs in one frame that is asked ahead, and so published: the items of a list
that is not long are told to begin after one commit instead of two."""

MAX_FRAME_RECORDS = 256
"""Larger frames would only wait: the reader handles a frame in one go."""

MAX_FRAME_BYTES = 1024 * 1024
"""Well below the largest message that the server takes (8 MiB)."""

MAX_ASK_BYTES = 4 * 1024 * 1024
"""What one question takes along: several payloads of the largest size. More fails the step."""

RECORD_BYTES = 128
"""The fixed part of a record, with room."""

EVENT_BYTES = 200
"""The fixed part of an event, with room."""
