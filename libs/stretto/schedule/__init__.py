"""The language of schedules: a document → when it fires. No I/O, no clock.

::

    text ─ document ─► ScheduleSpec ─ timing ─► instants
              │ cron_fields, cron (what a cron expression says of local time)
              ▼                                    │ zones (local time ↔ instants)
           mistakes, with their places             ▼ jitter

Invariants

1. No text makes `load_schedule` raise; every mistake has a line and a column.
2. Instants of a schedule are strictly growing, whatever the clocks of its time zone do: a time of
   day that does not exist because the clocks go forward is made up for at the moment they do, once;
   one that exists twice counts the first time. Expressions for every hour (`*` in the hour field)
   follow the time that passes: nothing is made up for, and the doubled hour counts twice.
3. The same spec and range give the same instants, and the same jitter, on every machine.
"""

from stretto.schedule.document import LoadedSchedule, is_schedule, load_schedule
from stretto.schedule.timing import Timing

__all__ = ["LoadedSchedule", "Timing", "is_schedule", "load_schedule"]
