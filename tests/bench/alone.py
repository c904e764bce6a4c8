"""Ratios measured in a process of their own: to be measured for coverage slows down our code
alone."""

import os
import subprocess
import sys

TRIES = 3
"""Other tests run beside these: the best of a few is what the machine did alone."""


def ratio_below(limit: float, code: str, *arguments: str) -> tuple[bool, list[float]]:
    """Whether a program prints a number below the limit, at one of a few tries; and what it
    printed."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    env["PYTHONPATH"] = os.pathsep.join(("libs", "."))
    ratios: list[float] = []
    while len(ratios) < TRIES and not any(ratio < limit for ratio in ratios):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=env, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        ratios.append(float(done.stdout))
    return min(ratios) < limit, ratios
