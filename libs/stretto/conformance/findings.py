"""What a check of a worker found."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """`wrong`: runs will hang, fail or be done twice. `warning`: it works, and costs something."""

    KEPT = "kept"
    WRONG = "wrong"
    WARNING = "warning"
    NOT_TRIED = "not tried"


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule of the protocol, and how the worker keeps it."""

    rule: str
    verdict: Verdict
    sentence: str
    """What was expected and what came, or why it was not tried."""
    remedy: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, in the order of the trials."""

    worker: str
    place: str
    """`queue q` or `device d`."""
    findings: list[Finding]

    @property
    def conforms(self) -> bool:
        """Whether nothing is wrong; warnings do not count."""
        return all(finding.verdict is not Verdict.WRONG for finding in self.findings)


def ended_after(findings: Sequence[Finding], place: str, reason: str) -> Report:
    """The report of a worker that ended while it was tried: what was found, and that."""
    text = f"{reason}; the last rule that it was tried on is {findings[-1].rule!r}, the rest is not"
    remedy = "Let nothing that comes end it: refuse what cannot be read, and go on."
    return Report(worker="", place=place, findings=[*findings, wrong("lives on", text, remedy)])


def kept(rule: str, sentence: str) -> Finding:
    return Finding(rule=rule, verdict=Verdict.KEPT, sentence=sentence)


def wrong(rule: str, sentence: str, remedy: str) -> Finding:
    return Finding(rule=rule, verdict=Verdict.WRONG, sentence=sentence, remedy=remedy)


def warning(rule: str, sentence: str, remedy: str) -> Finding:
    return Finding(rule=rule, verdict=Verdict.WARNING, sentence=sentence, remedy=remedy)


def not_tried(rule: str, sentence: str) -> Finding:
    return Finding(rule=rule, verdict=Verdict.NOT_TRIED, sentence=sentence)
