"""Everything on this machine: what stands behind `stretto dev`, usable by tests as well.

::

    async with dev_stack(DevOptions(data=Path(".stretto"))) as stack:
        stack.endpoints.nats, stack.endpoints.postgres, stack.endpoints.http
        stack.pids()                       # {"workflow": [4711], ..., "nats": [...]}

It owns the processes and one directory::

    <data>/nats, postgres     what the two servers keep between starts
    <data>/logs/<name>.log    what each service says
    <data>/traces/            spans, when nobody else takes them (stretto.dev.traces)
    <data>/dev.json           where everything is, while it runs: the same as the ready file
    <data>/ports.json         the ports that were had: taken again at the next start
    <data>/dev.lock           one stack for a directory

========== ===================================================================================
module     holds
========== ===================================================================================
plan       what is to run: options, services, ports, the environment of each process
process    one service process: started, watched until it answers, stopped
keeping    a process that ended is started again, later and later when it keeps ending
stack      all of it, in order: servers, services, and back
ready_file where everything is, for programs
claims     the usual ports, of which each has one taker at a time
ports      which ports were had, for the next start
log_view   the logs of all services as they grow
traces     an OTLP receiver and a small store of spans
========== ===================================================================================

Invariants

1. Nothing outlives the process that made the stack, however that process ends.
2. A process that ended is started again as long as the stack is up; one that never came up at the
   start of the stack is an error with the end of its log.
3. The ready file is there only while every process is up, and always names processes that live.
"""

from typing import TYPE_CHECKING

from stretto.dev.plan import DevOptions, Endpoints, ServicePlan

if TYPE_CHECKING:
    from stretto.dev.process import NotStarted
    from stretto.dev.stack import DevStack, dev_stack

__all__ = ["DevOptions", "DevStack", "Endpoints", "NotStarted", "ServicePlan", "dev_stack"]


def __getattr__(name: str) -> object:
    # A command that only looks where a stack runs does not pay for what it takes to run one.
    if name in ("DevStack", "dev_stack"):
        from stretto.dev import stack

        return getattr(stack, name)
    if name == "NotStarted":
        from stretto.dev.process import NotStarted

        return NotStarted
    raise AttributeError(f"expected one of {__all__}, but stretto.dev has no attribute {name!r}")
