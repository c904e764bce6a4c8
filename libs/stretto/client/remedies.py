"""What a person can do about a refusal, by its code: shown by the command line and by REST."""

REMEDIES = {
    "run_unknown": "Look for it with `stretto list`; a run belongs to one namespace (--namespace).",
    "run_id_invalid": "`stretto list`, or `GET /api/v1/runs?id=KEY`, finds runs by their keys.",
    "run_closed": "`stretto show RUN` tells how it ended. One that failed or was cancelled goes on "
    "with `stretto retry RUN` or `stretto rewind RUN STEP`; another one has to be started anew.",
    "run_at_fault": "The log of the workflow service tells more; please report it.",
    "unknown_command": "The sentence lists what a run understands.",
    "already_failing": "`stretto watch RUN` shows how it ends; `stretto terminate RUN` ends it at "
    "once.",
    "not_paused": "Nothing is to be done: it goes on. `stretto explain RUN` says what it waits "
    "for.",
    "not_running": "`stretto resume RUN` makes a paused run go on.",
    "signal_invalid": "Name the signal: `stretto signal RUN NAME`.",
    "signals_full": "`stretto explain RUN` says why no step takes them.",
    "approval_not_open": "`stretto explain RUN` lists the steps that wait for approval; name one "
    "with --step.",
    "not_allowed": "Somebody whom the step names under `by` has to decide (--by).",
    "step_unknown": "Name a step at the top of the workflow: the sentence lists them.",
    "step_not_begun": "Name a step that the run has come to: `stretto show RUN` lists them.",
    "step_not_open": "`stretto explain RUN` says what is open.",
    "step_not_failed": "`stretto show RUN` shows the steps; `stretto rewind RUN STEP` goes back to "
    "one that completed.",
    "run_not_resumable": "A run that completed or was terminated stays as it is: start it anew.",
    "run_compensated": "What was undone stays undone: `stretto fork RUN` begins another one.",
    "step_not_completed": "`stretto show RUN` shows which steps have completed.",
    "rolling_back": "`stretto explain RUN` says what it waits for.",
    "migration_refused": "`stretto migrate RUN --to VERSION --dry-run` gives all reasons; a run "
    "that waits may be able to a step later.",
    "seq_unknown": "`stretto history RUN` numbers the events.",
    "fork_too_large": "Fork from an earlier event (--at), or name a step to run again (--step).",
    "schedule_unknown": "`stretto schedules` lists them; each is of one namespace (--namespace).",
    "schedule_paused": "`stretto schedule resume NAME` lets it go on.",
    "backfill_too_large": "Ask for shorter ranges, one after the other.",
    "workflow_unknown": "`stretto definitions` and `stretto versions WORKFLOW` list what there is; "
    "`stretto apply FILE` registers a definition, `stretto label` points a label to a version.",
    "template_unknown": "`stretto templates` lists them; `stretto apply FILE` registers one.",
    "version_unknown": "`stretto versions WORKFLOW` lists them.",
    "label_unknown": "`stretto versions WORKFLOW` lists them.",
}
"""The codes are those of docs/errors.md."""


def remedy_of(code: str) -> str | None:
    """Give the remedy of a code; None where the sentence says all there is."""
    return REMEDIES.get(code)
