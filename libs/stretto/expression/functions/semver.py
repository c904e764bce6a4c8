"""Semantic versions: `semver.`"""

from typing import Any, Literal

from stretto.expression.functions.calls import Refusal
from stretto.expression.functions.registry import function
from stretto.expression.functions.versions import Version, read_version, satisfies


@function(
    "semver.compare",
    {
        "semver.compare('1.2.3', '1.10.0')": -1,
        "semver.compare('1.0.0', '1.0.0-rc.1')": 1,
        "semver.compare('v1.0.0', '1.0.0+build')": 0,
    },
)
def _compare(first: str, second: str) -> int:
    """-1, 0 or 1: whether the first version comes before the second, is the same, or after."""
    return _version("first", first).order(_version("second", second))


@function(
    "semver.satisfies",
    {
        "semver.satisfies('1.4.2', '^1.2')": True,
        "semver.satisfies('2.0.0', '>=1.2 <2 || 3.x')": False,
        "semver.satisfies('1.2.9', '~1.2.3')": True,
        "semver.satisfies('1.5.0', '1.2 - 1.4')": False,
    },
)
def _satisfies(version: str, range: str) -> bool:  # noqa: A002 - the word of the domain
    """Whether a version is in a range: `^1.2`, `~1.2.3`, `>=1 <3`, `1.x`, `1.2 - 1.4`, `a || b`."""
    fits = satisfies(_version("version", version), range)
    if fits is None:
        raise Refusal("range", "a range like ^1.2 or >=1.0 <2", range)
    return fits


@function("semver.valid", {"semver.valid('1.2.3-rc.1')": True, "semver.valid('1.2')": False})
def _valid(text: str) -> bool:
    """Whether a text is a version of three numbers."""
    return read_version(text) is not None


@function(
    "semver.parse",
    {
        "semver.parse('1.2.3-rc.1+7')": {
            "major": 1,
            "minor": 2,
            "patch": 3,
            "prerelease": "rc.1",
            "build": "7",
        }
    },
)
def _parse(version: str) -> dict[str, Any]:
    """The parts of a version."""
    found = _version("version", version)
    names = ("major", "minor", "patch")
    parts: dict[str, Any] = dict(zip(names, found.numbers, strict=True))
    return parts | {"prerelease": ".".join(found.pre), "build": found.build}


@function(
    "semver.bump",
    {"semver.bump('1.2.3', 'minor')": "1.3.0", "semver.bump('1.2.3-rc.1', 'patch')": "1.2.3"},
)
def _bump(version: str, part: Literal["major", "minor", "patch"]) -> str:
    """The next version, by which of its numbers grows."""
    found = _version("version", version)
    major, minor, patch = found.numbers
    match part:
        case "major" if not (found.pre and minor == patch == 0):
            major, minor, patch = major + 1, 0, 0
        case "minor" if not (found.pre and patch == 0):
            minor, patch = minor + 1, 0
        case "patch" if not found.pre:
            patch += 1
    return f"{major}.{minor}.{patch}"


def _version(parameter: str, text: str) -> Version:
    found = read_version(text)
    if found is None:
        raise Refusal(parameter, "a version like 1.2.3", text)
    return found
