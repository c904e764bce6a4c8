"""What the decoders raise for bytes that somebody else has sent."""

import msgspec

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""Not the form that is expected; a text that is no UTF-8, which msgspec raises as it is; nested too
deep. Whoever decodes a message catches all three: one that gets through ends the service, and
the message comes again after its restart."""
