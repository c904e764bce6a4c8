"""The cache in Redis that instances share. Never raises: what goes wrong is a miss, and counted.

::

            ┌── an answer in time ──┐
            ▼                       │
    away ──────► up ──── 3 timeouts in a row, or the connection breaks ────► away
      │ looked for in the background: after 0.1 s, doubled up to 10 s           ▲
      └─────────────────────────────────────────────────────────────────────────┘

While it is away every call returns at once, without having touched the network.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from stretto.cache.sealed import SEAL_BYTES, seal, unseal
from stretto.telemetry import names
from stretto.telemetry.names import LOG_AFTER_S, LOG_REASON

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from stretto.telemetry.metrics import Metrics

T = TypeVar("T")

TIMEOUT_S = 0.025
"""A call to Redis in the same network takes below 1 ms; who waits longer had better work it out."""

CONNECT_TIMEOUT_S = 1.0
"""In the background: nobody waits for it."""

MAX_TIMEOUTS = 3
"""So many in a row, and it is away."""

FIRST_LOOK_S = 0.1
MAX_LOOK_S = 10.0
"""It is looked for after 0.1 s, then after twice the time before, at most 10 s, with jitter."""

LOOK_EVERY_S = 5.0
"""While nobody asks anything: so that health is true."""

FULL_S = 5.0
"""When Redis takes nothing (full, read only) nothing is offered for so long."""

MAX_KEYS = 1_000
"""Keys of one call; what is more is not asked for: 3.5 µs each of the event loop's time."""

MAX_VALUE_BYTES = 256 * 1024
"""A larger value is not stored: it would hold up those of others for milliseconds."""

MAX_CONNECTIONS = 16
NOT_YET = "not connected yet"

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class SharedCounts:
    """Counts since the process began."""

    hits: int = 0
    misses: int = 0
    corrupt: int = 0
    """Values whose seal was wrong; each is a miss as well."""
    stored: int = 0
    unstored: int = 0
    """Values that Redis did not take, or that were too large."""
    skipped: int = 0
    """Keys that were not asked for because it is away."""
    failures: int = 0
    """Calls that failed or took too long."""


class SharedCache:
    """Values under the keys of one purpose. `run` keeps the connection; without it it is away.

    Args:
        url: `redis://`, `rediss://` or `unix://`, with password and database where there are.
        purpose: the first part of all keys, with a version: `decision:1`.
        timeout_s: how long a call may take in all; `TIMEOUT_S` where nothing is said.
    """

    def __init__(
        self,
        url: str,
        purpose: str,
        *,
        timeout_s: float | None = None,
        max_value_bytes: int = MAX_VALUE_BYTES,
    ) -> None:
        self._url = url
        self.purpose = purpose
        self._prefix = f"stretto:{purpose}:".encode()
        self._timeout_s = TIMEOUT_S if timeout_s is None else timeout_s
        self._max_value_bytes = max_value_bytes
        self._redis: Redis | None = None
        self._away = asyncio.Event()
        self._calls = 0
        self._idle = asyncio.Event()
        """No call is under way."""
        self._idle.set()
        self._timeouts = 0
        self._full_until = 0.0
        self.counts = SharedCounts()
        self.why_away: str | None = NOT_YET
        """Why nothing is asked for now; None: it is up."""

    def observe(self, metrics: Metrics) -> None:
        """Show what it counts, and whether it is up."""
        purpose = self.purpose
        metrics.gauge(names.METRIC_SHARED_CACHE_UP, purpose=purpose).follow(
            lambda: float(self.is_up)
        )
        for outcome in SharedCounts.__slots__:
            metrics.counter(
                names.METRIC_SHARED_CACHE_KEYS, purpose=purpose, outcome=outcome
            ).follow(partial(getattr, self.counts, outcome))

    @property
    def is_up(self) -> bool:
        """Whether calls reach for Redis."""
        return self._redis is not None

    async def run(self) -> None:
        """Keep a connection until cancelled: look for Redis, wait until it is away, look again."""
        wait_s = 0.0
        while True:
            redis = await self._find(wait_s)
            began = asyncio.get_running_loop().time()
            self._away.clear()
            self._timeouts = 0
            self._redis, self.why_away = redis, None
            try:
                await self._until_away(redis)
            finally:
                self._redis = None
                # A call that is under way would open a connection of its own again.
                with suppress(TimeoutError):
                    async with asyncio.timeout(CONNECT_TIMEOUT_S):
                        await self._idle.wait()
                await _closed(redis)
            if asyncio.get_running_loop().time() - began > MAX_LOOK_S:
                wait_s = 0.0
            else:  # it comes and goes, or answers and refuses
                wait_s = min(max(FIRST_LOOK_S, 2 * wait_s), MAX_LOOK_S)

    async def _until_away(self, redis: Redis) -> None:
        while not self._away.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._away.wait()
            if not self._away.is_set():
                await self._answer(redis.ping(), CONNECT_TIMEOUT_S)

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the value of each key, None where it is not known."""
        counts = self.counts
        redis = self._redis
        if redis is None or not keys:
            counts.skipped += len(keys)
            return [None] * len(keys)
        asked = keys[:MAX_KEYS]
        prefixed = [self._prefix + key for key in asked]
        found = await self._answer(redis.mget(prefixed))
        if found is None:
            return [None] * len(keys)
        values = [unseal(name, stored) for name, stored in zip(prefixed, found, strict=True)]
        hits = sum(value is not None for value in values)
        counts.hits += hits
        counts.misses += len(values) - hits
        counts.corrupt += sum(
            value is None and stored is not None
            for value, stored in zip(values, found, strict=True)
        )
        return values + [None] * (len(keys) - len(values))

    async def set_many(
        self,
        values: Sequence[tuple[bytes, bytes]],
        ttl_s: float,
        *,
        timeout_s: float | None = None,
    ) -> int:
        """Store values for so long; return how many were taken.

        Args:
            timeout_s: in place of the cache's own, where nobody waits for it.
        """
        redis = self._redis
        now = asyncio.get_running_loop().time()
        most = self._max_value_bytes - SEAL_BYTES
        fitting = [(key, value) for key, value in values[:MAX_KEYS] if len(value) <= most]
        if redis is None or not fitting or now < self._full_until:
            self.counts.unstored += len(values)
            return 0
        pipe = redis.pipeline(transaction=False)
        ttl_ms = max(1, round(ttl_s * 1_000))
        for key, value in fitting:
            name = self._prefix + key
            pipe.set(name, seal(name, value), px=ttl_ms)
        answers = await self._answer(pipe.execute(raise_on_error=False), timeout_s)
        taken = sum(answer is True for answer in answers or ())
        self.counts.stored += taken
        self.counts.unstored += len(values) - taken
        if answers is not None and taken < len(fitting):
            refusal = next(answer for answer in answers if answer is not True)
            self._full_until = now + FULL_S
            _logger.warning("shared cache takes nothing", extra={LOG_REASON: str(refusal)})
        return taken

    async def delete_many(self, keys: Sequence[bytes]) -> bool:
        """Forget values; False: nobody knows whether they are still there."""
        redis = self._redis
        if redis is None:
            return not keys
        done = True
        for start in range(0, len(keys), MAX_KEYS):
            some = [self._prefix + key for key in keys[start : start + MAX_KEYS]]
            done = await self._answer(redis.unlink(*some)) is not None and done
        return done

    async def _answer(self, call: Awaitable[T], timeout_s: float | None = None) -> T | None:
        """Wait for an answer; None: there is none, and it is noted."""
        from redis.exceptions import RedisError, ResponseError

        limit_s = self._timeout_s if timeout_s is None else timeout_s
        self._calls += 1
        self._idle.clear()
        try:
            async with asyncio.timeout(limit_s):
                answer = await call
        except TimeoutError:
            self._timeouts += 1
            if self._timeouts >= MAX_TIMEOUTS:
                self._lost(f"no answer within {limit_s * 1_000:.0f} ms")
        except ResponseError as error:
            self._lost(str(error))  # it is there, and not as we need it
        except (RedisError, OSError) as error:
            self._lost(str(error))
        else:
            self._timeouts = 0
            return answer
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()
        self.counts.failures += 1
        return None

    def _lost(self, why: str) -> None:
        if self._redis is not None:
            self._redis, self.why_away = None, why
            self._away.set()
            _logger.warning("shared cache is away", extra={LOG_REASON: why})

    async def _find(self, wait_s: float) -> Redis:
        """Look for Redis until it answers, for the first time after a while."""
        from redis.exceptions import RedisError

        began = asyncio.get_running_loop().time()
        await asyncio.sleep(wait_s)
        wait_s = max(wait_s, FIRST_LOOK_S)
        while True:
            redis = _client(self._url)
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await redis.ping()
            except (RedisError, OSError, TimeoutError) as error:
                self.why_away = str(error) or f"no answer within {CONNECT_TIMEOUT_S:.0f} s"
                await _closed(redis)
            except BaseException:
                await _closed(redis)
                raise
            else:
                took_s = round(asyncio.get_running_loop().time() - began, 3)
                _logger.info("shared cache is there", extra={LOG_AFTER_S: took_s})
                return redis
            await asyncio.sleep(random.uniform(wait_s / 2, wait_s))
            wait_s = min(2 * wait_s, MAX_LOOK_S)


def _client(url: str) -> Redis:
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    return Redis.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=None,  # each call has a limit of its own
        client_name="stretto",
    )


async def _closed(redis: Redis) -> None:
    from redis.exceptions import RedisError

    with suppress(RedisError, OSError, TimeoutError):
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await redis.aclose()
