"""A bounded cache keeps what was used last, within entries and bytes, and counts."""

import pytest

from stretto.cache import BoundedCache
from stretto.cache.bounded import ENTRY_BYTES


def test_what_was_put_is_given_back_and_counted() -> None:
    cache: BoundedCache[str, int] = BoundedCache(10, 10_000)
    assert cache.counts().hit_rate is None
    assert cache.get("a") is None
    assert cache.put("a", 1, 8)
    assert cache.get("a") == 1
    counts = cache.counts()
    assert counts == (1, 1, 0, 1, 8 + ENTRY_BYTES)
    assert counts.hit_rate == 0.5


def test_the_least_recently_used_goes_when_there_are_too_many() -> None:
    cache: BoundedCache[str, int] = BoundedCache(2, 10_000)
    cache.put("a", 1, 0)
    cache.put("b", 2, 0)
    cache.get("a")
    cache.put("c", 3, 0)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)
    assert cache.counts().evictions == 1


def test_as_many_go_as_the_bytes_of_a_new_one_need() -> None:
    cache: BoundedCache[str, int] = BoundedCache(10, 4 * ENTRY_BYTES)
    for key in "abc":
        cache.put(key, 1, 0)
    assert cache.put("d", 1, 2 * ENTRY_BYTES)
    assert [key for key in "abcd" if cache.get(key)] == ["c", "d"]
    assert cache.counts().bytes == 4 * ENTRY_BYTES


def test_a_value_that_is_larger_than_all_room_is_not_kept_and_drops_nobody() -> None:
    cache: BoundedCache[str, int] = BoundedCache(10, 2 * ENTRY_BYTES)
    cache.put("a", 1, 0)
    assert not cache.put("b", 1, 2 * ENTRY_BYTES)
    assert (cache.get("a"), cache.get("b")) == (1, None)


def test_what_is_put_again_counts_once_and_what_is_dropped_not_at_all() -> None:
    cache: BoundedCache[str, int] = BoundedCache(10, 10_000)
    cache.put("a", 1, 100)
    cache.put("a", 2, 50)
    assert cache.get("a") == 2
    assert cache.counts().bytes == 50 + ENTRY_BYTES
    cache.drop("a")
    cache.drop("a")
    assert len(cache) == 0
    assert cache.counts().bytes == 0
    cache.put("b", 1, 1)
    cache.clear()
    assert (len(cache), cache.counts().bytes) == (0, 0)


@pytest.mark.parametrize(("entries", "size"), [(0, 1), (1, 0)])
def test_a_cache_without_room_is_a_mistake(entries: int, size: int) -> None:
    with pytest.raises(AssertionError):
        BoundedCache(entries, size)
