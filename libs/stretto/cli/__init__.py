"""The command `stretto`: a person's and a script's way to everything.

========== ===================================================================================
module     holds
========== ===================================================================================
main       the group: commands are imported when they are used
calling    what commands share: options, where the bus is, running a coroutine
exits      exit codes, and every error as one sentence with a remedy
inputs     `-i key=value`, `-i @file.json`, `--input-json`
printing   tables, durations and JSON
story      a run's events as sentences (pure)
progress   what a run has done so far, from its events (pure)
watching   a run as it goes, live on a terminal or line by line
commands/  one module for a few commands of a kind
========== ===================================================================================

Invariants

1. What a script reads goes to stdout, everything else to stderr; with `--json` stdout is JSON.
2. No error is a traceback: one sentence, a remedy, an exit code (`exits`).
"""
