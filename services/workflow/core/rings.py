"""Waits that can never end: claims for places that wait for one another. Pure.

A claim waits until somebody who has a place of its line ends. A run that has a place, and whose
only causes are children and claims, ends no sooner than these. A claim is *stuck* when that is so
for everybody who has a place of its line, and what they wait for is stuck again::

    claim of a child ──► run that has the place ──► its child … ──► that very claim

What is stuck is the greatest set for which that holds: begin with all that wait, and take out who
waits for somebody who can still end, until nothing changes. In it, whoever is followed comes back
to where he was: a ring. A limit of time that would end a wait by and by is not looked at.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Waiting(NamedTuple):
    """A claim that waits: of a run (`step` empty), or of one of its steps."""

    run_id: bytes
    step: str


class Blocked(NamedTuple):
    """A run that nothing moves but these: the runs of its children, and its own claims."""

    children: tuple[bytes, ...]
    claims: tuple[Waiting, ...]


class Link(NamedTuple):
    """A claim, a run that has a place of its line, and the runs by which that run waits for the
    next claim of the ring: children of children; the last one's is the claim."""

    claim: Waiting
    holder: bytes
    through: tuple[bytes, ...]


def stuck(
    holders: Mapping[Waiting, Sequence[bytes]], blocked: Mapping[bytes, Blocked]
) -> set[Waiting]:
    """Find the claims that can never be granted. `holders`: who has the places of their lines;
    `blocked`: the runs that wait for children and claims alone."""
    left = {claim for claim, having in holders.items() if having}
    while True:
        ends = {
            claim
            for claim in left
            if any(not _waits(run_id, blocked, left, set()) for run_id in holders[claim])
        }
        if not ends:
            return left
        left -= ends


def _waits(
    run_id: bytes, blocked: Mapping[bytes, Blocked], left: set[Waiting], seen: set[bytes]
) -> bool:
    """Whether all that a run waits for is a claim of `left`, or a child of which that is true."""
    about = blocked.get(run_id)
    if about is None or run_id in seen:
        return False
    seen.add(run_id)
    return all(claim in left for claim in about.claims) and all(
        _waits(child, blocked, left, seen) for child in about.children
    )


def ring_of(
    found: set[Waiting],
    holders: Mapping[Waiting, Sequence[bytes]],
    blocked: Mapping[bytes, Blocked],
) -> list[Link]:
    """Follow stuck claims until one comes again; the ring, beginning anywhere."""
    claim = min(found)
    path: list[Link] = []
    at: dict[Waiting, int] = {}
    while claim not in at:
        at[claim] = len(path)
        holder = min(holders[claim])
        through, following = _down(holder, blocked)
        path.append(Link(claim, holder, through))
        claim = following
    return path[at[claim] :]


def _down(run_id: bytes, blocked: Mapping[bytes, Blocked]) -> tuple[tuple[bytes, ...], Waiting]:
    """Go from a run that waits down its first children to a claim."""
    through: list[bytes] = []
    while not blocked[run_id].claims:
        run_id = blocked[run_id].children[0]
        through.append(run_id)
    return tuple(through), blocked[run_id].claims[0]
