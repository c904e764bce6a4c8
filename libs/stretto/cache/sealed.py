"""Values with a seal over them and their keys: what was cut off or mixed up is none.

::

    value in Redis = 1 byte version, 8 bytes BLAKE2b of (length of the key, key, value), value

The seal finds accidents. It has no secret: who may write to this Redis may write what is believed.
"""

from hashlib import blake2b

VERSION = b"\x01"
_DIGEST_BYTES = 8
SEAL_BYTES = len(VERSION) + _DIGEST_BYTES


def seal(key: bytes, value: bytes) -> bytes:
    """Return the value as it is stored."""
    return VERSION + _digest(key, value) + value


def unseal(key: bytes, stored: object) -> bytes | None:
    """Return the value that was sealed under this key; None for anything else."""
    if not isinstance(stored, bytes) or len(stored) < SEAL_BYTES or stored[:1] != VERSION:
        return None
    value = stored[SEAL_BYTES:]
    return value if stored[1:SEAL_BYTES] == _digest(key, value) else None


def _digest(key: bytes, value: bytes) -> bytes:
    hashed = blake2b(len(key).to_bytes(4, "big"), digest_size=_DIGEST_BYTES)
    hashed.update(key)
    hashed.update(value)
    return hashed.digest()
