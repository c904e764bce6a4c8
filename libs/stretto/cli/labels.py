"""Options like `--label site=eu`."""

from __future__ import annotations

import click


def labels_of(values: tuple[str, ...], option: str = "--label") -> dict[str, str]:
    """Read `key=value` options; UsageError names the `option`."""
    labels: dict[str, str] = {}
    for value in values:
        key, separator, text = value.partition("=")
        if not separator or not key:
            raise click.UsageError(f"expected {option} to be like key=value, but got {value!r}")
        labels[key] = text
    return labels
