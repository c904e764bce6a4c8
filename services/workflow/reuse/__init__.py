"""What steps with `cache` have given, kept for equal steps of any run (ADR 0022).

::

    step.seeking ─► committed ─► `Seeking` ─► Redis, where there is one ─► Postgres ─► the inbox
    step.completed ─► its output is a row of the commit that says so (`noting`)
    compensation.started ─► the commit deletes what the run has kept of what it undoes
    a request to purge ─► `Requests` ─► deleted, with who and why
    what is too old, or too much ─► `Expiry`

Invariants

1. The rows of `workflow.kept_output` change with the log or not at all, but for purges and expiry.
2. Nothing but time is lost with them: a step that finds nothing is done.
3. Redis is asked first and believed for at most a minute: what is purged while it is away is gone
   from it by then.
"""
