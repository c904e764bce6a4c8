"""Waits that can never end: claims for places that wait for one another. Pure.

A claim waits until somebody who has a place of its line ends: a run, or one step of a run. Who has
a place, and waits for nothing but children and claims, ends no sooner than these. A claim is
*stuck* when that is so for everybody who has a place of its line, and what they wait for is stuck
again::

    claim of a child ──► run or step that has the place ──► its child … ──► that very claim

What the rest of a run does is of no matter to a step of it that has a place: one item of a
`for_each` is under way while the next ones wait for its place.

What is stuck is the greatest set for which that holds: begin with all that wait, and take out who
waits for somebody who can still end, until nothing changes. In it, whoever is followed comes back
to where he was: a ring. A limit of time that would end a wait by and by is not looked at.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Waiting(NamedTuple):
    """A claim: of a run (`step` empty), or of one of its steps. It waits, or has its place."""

    run_id: bytes
    step: str


class Blocked(NamedTuple):
    """A run, or a step, that nothing moves but these: the runs of its children, and its own
    claims."""

    children: tuple[bytes, ...]
    claims: tuple[Waiting, ...]


class Link(NamedTuple):
    """A claim, who has a place of its line, and the runs by which he waits for the next claim of
    the ring: children of children; the last one's is the claim."""

    claim: Waiting
    holder: Waiting
    through: tuple[bytes, ...]


def stuck(
    holders: Mapping[Waiting, Sequence[Waiting]], blocked: Mapping[Waiting, Blocked]
) -> set[Waiting]:
    """Find the claims that can never be granted. `holders`: who has the places of their lines;
    `blocked`: the runs, and steps that have places, that wait for children and claims alone."""
    left = {claim for claim, having in holders.items() if having}
    while True:
        ends = {
            claim
            for claim in left
            if any(not _waits(having, blocked, left, set()) for having in holders[claim])
        }
        if not ends:
            return left
        left -= ends


def _waits(
    who: Waiting, blocked: Mapping[Waiting, Blocked], left: set[Waiting], seen: set[Waiting]
) -> bool:
    """Whether all that a run or step waits for is a claim of `left`, or a child of which that is
    true."""
    about = blocked.get(who)
    if about is None or who in seen:
        return False
    seen.add(who)
    return all(claim in left for claim in about.claims) and all(
        _waits(Waiting(child, ""), blocked, left, seen) for child in about.children
    )


def ring_of(
    found: set[Waiting],
    holders: Mapping[Waiting, Sequence[Waiting]],
    blocked: Mapping[Waiting, Blocked],
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


def _down(who: Waiting, blocked: Mapping[Waiting, Blocked]) -> tuple[tuple[bytes, ...], Waiting]:
    """Go from who waits down his first children to a claim."""
    through: list[bytes] = []
    while blocked[who].children:
        child = blocked[who].children[0]
        through.append(child)
        who = Waiting(child, "")
    return tuple(through), blocked[who].claims[0]
