"""A seal tells what was put under a key from everything else."""

import random

import pytest

from stretto.cache.sealed import SEAL_BYTES, seal, unseal


@pytest.mark.parametrize("value", [b"", b"x", b"\0" * 1_000])
def test_what_was_sealed_under_a_key_is_given_back(value: bytes) -> None:
    stored = seal(b"key", value)
    assert len(stored) == SEAL_BYTES + len(value)
    assert unseal(b"key", stored) == value


def test_the_value_of_another_key_is_none() -> None:
    assert unseal(b"other", seal(b"key", b"value")) is None
    assert unseal(b"ke", seal(b"key", b"value")) is None
    assert unseal(b"ke", seal(b"k", b"evalue")) is None


@pytest.mark.parametrize("stored", [None, b"", b"\x01", b"value", 5, "text", b"\x01" + b"0" * 20])
def test_what_is_no_sealed_value_is_none(stored: object) -> None:
    assert unseal(b"key", stored) is None


def test_a_changed_byte_or_a_cut_off_end_breaks_the_seal() -> None:
    chance = random.Random(4)
    stored = seal(b"key", b"a value of some length")
    for at in range(len(stored)):
        wrong = bytearray(stored)
        wrong[at] ^= chance.randrange(1, 256)
        assert unseal(b"key", bytes(wrong)) is None
        assert unseal(b"key", stored[:at]) is None
