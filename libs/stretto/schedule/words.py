"""When a schedule fires, in a few words for a list."""

from stretto.contracts.schedules import ScheduleSpec

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "m"), (1.0, "s"))


def timing_words(spec: ScheduleSpec) -> str:
    """Say when a schedule fires: `30 8 * * mon-fri`, `every 15m`, `at 2026-12-24T18:00:00Z`."""
    if spec.cron:
        return " | ".join(spec.cron)
    if spec.every_s is not None:
        return f"every {duration_words(spec.every_s)}"
    first = spec.at[0].replace(".000000Z", "Z")
    return f"at {first}" + (f" and {len(spec.at) - 1} more" if len(spec.at) > 1 else "")


def duration_words(seconds: float) -> str:
    """Write a length of time as documents do: `1h30m`, `250ms`."""
    text, rest = "", seconds
    for unit_s, unit in _UNITS:
        count = int(rest // unit_s)
        if count:
            text += f"{count}{unit}"
            rest -= count * unit_s
    millis = round(rest * 1000)
    return text + (f"{millis}ms" if millis or not text else "")
