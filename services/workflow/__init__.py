"""The workflow service: definitions, runs, the log and its clocks; the only writer of events."""
