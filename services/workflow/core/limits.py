"""Timeouts and retry policies that expressions worked out: checked, and laid over those of the
definition."""

from typing import Any

import msgspec

from services.workflow.core.keys import key_text
from services.workflow.core.nodes import Node
from stretto.contracts import events as ev
from stretto.contracts.admission import MAX_PRIORITY
from stretto.contracts.asks import (
    POLICY_CACHE,
    POLICY_ESCALATE,
    POLICY_PEOPLE,
    POLICY_PRIORITY,
    POLICY_RATE,
    POLICY_RETRY,
    POLICY_TIMEOUT,
)
from stretto.contracts.bounds import (
    MAX_ATTEMPTS,
    MAX_BACKOFF,
    MAX_DURATION_S,
    MAX_PEOPLE,
    MIN_DURATION_S,
    MIN_HEARTBEAT_S,
)
from stretto.contracts.durations import parse_duration
from stretto.contracts.failures import Failure, FailureType
from stretto.contracts.graph import Retry, Timeouts
from stretto.contracts.subjects import MAX_NAME_CHARS

_decode = msgspec.json.Decoder().decode
_SHOWN_CHARS = 80


class _Wrong(ValueError):
    """A value that does not fit. The text says what was expected."""


def limits_of(node: Node, values: dict[str, bytes]) -> ev.StepLimited | Failure | None:
    """The event that records what was worked out for a node; the failure where that does not fit;
    None where nothing was."""
    retry = timeouts = priority = escalate_s = None
    people: dict[str, list[str]] = {}
    try:
        if POLICY_RETRY in values:
            retry = _retry(node.work.retry, _decode(values[POLICY_RETRY]))
        if POLICY_TIMEOUT in values:
            timeouts = _timeouts(node.work.timeouts, _decode(values[POLICY_TIMEOUT]))
        if POLICY_PRIORITY in values:
            priority = _whole("priority", _decode(values[POLICY_PRIORITY]), 0, MAX_PRIORITY)
        if POLICY_ESCALATE in values:
            escalate_s = _duration(
                "approval.escalate.after", _decode(values[POLICY_ESCALATE]), MIN_DURATION_S
            )
        if POLICY_PEOPLE in values:
            said = _decode(values[POLICY_PEOPLE])
            people = {name: _people(f"approval.{name}", said[name]) for name in said}
    except _Wrong as wrong:
        return Failure(type=FailureType.EXPRESSION, message=str(wrong), retryable=False)
    key, rate_key = _key("cache.key", POLICY_CACHE, values), _key("rate.key", POLICY_RATE, values)
    if isinstance(key, Failure):
        return key
    if isinstance(rate_key, Failure):
        return rate_key
    event = ev.StepLimited(
        step=node.path,
        retry=retry,
        timeouts=timeouts,
        priority=priority,
        escalate_s=escalate_s,
        cache_key=key,
        rate_key=rate_key,
        by=people.get("by", []),
        escalate_to=people.get("to", []),
    )
    return None if event == ev.StepLimited(step=node.path) else event


def _people(place: str, value: Any) -> list[str]:
    """Names: a text, or a list of texts, in which an expression may have given a list."""
    parts = value if isinstance(value, list) else [value]
    found: list[str] = []
    for part in parts:
        found += part if isinstance(part, list) else [part]
    wrong = [each for each in found if not isinstance(each, str) or not each]
    if wrong or not found:
        # Nobody would be anybody.
        raise _Wrong(f"{place}: expected names of people, but got {_shown(value)}")
    longest = max(map(len, found))
    if len(found) > MAX_PEOPLE or longest > MAX_NAME_CHARS:
        raise _Wrong(
            f"{place}: expected at most {MAX_PEOPLE} names of at most {MAX_NAME_CHARS} characters, "
            f"but got {len(found)} of up to {longest}"
        )
    return found


def _key(place: str, policy: str, values: dict[str, bytes]) -> str | Failure | None:
    """The key that an expression gave; None: there was none."""
    return key_text(place, _decode(values[policy])) if policy in values else None


def _retry(base: Retry, said: dict[str, Any]) -> Retry:
    found: dict[str, Any] = {}
    for name, value in said.items():
        place = f"retry.{name}"
        match name:
            case "max_attempts":
                found["max_attempts"] = _whole(place, value, 1, MAX_ATTEMPTS)
            case "interval" | "max_interval":
                found[f"{name}_s"] = _duration(place, value, 0.0)
            case "backoff":
                found["backoff"] = _number(place, value, 1, MAX_BACKOFF)
            case "jitter":
                found["jitter"] = _number(place, value, 0, 1)
            case _:
                raise AssertionError(f"{place} is checked to be a policy at registration")
    retry = msgspec.structs.replace(base, **found)
    longest = max(retry.interval_s, retry.max_interval_s)
    return msgspec.structs.replace(retry, max_interval_s=longest)


def _timeouts(base: Timeouts, said: dict[str, Any]) -> Timeouts:
    found = {
        f"{name}_s": _duration(
            f"timeout.{name}", value, MIN_HEARTBEAT_S if name == "heartbeat" else MIN_DURATION_S
        )
        for name, value in said.items()
    }
    return msgspec.structs.replace(base, **found)


def _number(place: str, value: Any, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Wrong(f"{place}: expected a number, but got {_shown(value)}")
    if not least <= value <= most:
        raise _Wrong(
            f"{place}: expected a number from {least:g} to {most:g}, but got {_shown(value)}"
        )
    return float(value)


def _whole(place: str, value: Any, least: int, most: int) -> int:
    number = _number(place, value, least, most)
    if number != int(number):
        raise _Wrong(f"{place}: expected a whole number, but got {number:g}")
    return int(number)


def _duration(place: str, value: Any, least_s: float) -> float:
    """Seconds of a text like 30s or of a number."""
    if isinstance(value, str):
        try:
            seconds = parse_duration(value)
        except ValueError as error:
            raise _Wrong(f"{place}: {error}") from error
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    else:
        raise _Wrong(
            f"{place}: expected a duration like 30s, or a number of seconds, but got "
            f"{_shown(value)}"
        )
    if not least_s <= seconds <= MAX_DURATION_S:
        raise _Wrong(
            f"{place}: expected a duration from {least_s:g} seconds to ten years, but got "
            f"{_shown(value)}"
        )
    return seconds


def _shown(value: Any) -> str:
    return msgspec.json.encode(value).decode()[:_SHOWN_CHARS]
