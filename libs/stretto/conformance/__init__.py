"""Does a worker keep the protocol of docs/protocol.md? Found out by playing the services for it.

The worker under test has handlers for the tasks of `words.py` (`check.echo`, `check.sleep`,
`check.fail`, `check.large`); those that it does not have are not tried. The checker gives it work,
as the execution service does, and reads what comes back, as the workflow service does; it also sees
the acknowledgements, which nobody else does.

::

    stage.py     the bus as the checker sees it: sends attempts, notes everything that comes back
    findings.py  what was found: kept, wrong, to be mended, not tried; and the remedy
    trials.py    one function a rule of the protocol
    checker.py   all of them in order, and the report
    hosting.py   a bus of its own, and the worker's command on it

Results go to a subject of the checker's own, which no service reads: it may be used on a bus where
real runs are under way, on a queue that no run uses.
"""

from stretto.conformance.checker import check_worker
from stretto.conformance.findings import Finding, Report, Verdict
from stretto.conformance.stage import Target

__all__ = ["Finding", "Report", "Target", "Verdict", "check_worker"]
