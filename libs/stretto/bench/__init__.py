"""The benchmark: how fast Stretto is on this machine, and what a step costs.

::

    sizes ─► workloads (A latency, B throughput, C fan-out, D burst, E steady) ─► figures ─► report
                  │ start → result                ▲
                  ▼                               │ CPU, memory of every process
    rig: DevStack (servers, five services), worker processes, the client in this process
                                                  │
    compare: two revisions in turn     profile: where the Python processes spend their time

=========== ==================================================================================
module      holds
=========== ==================================================================================
sizes       how many runs, how long: full and short
definitions the workflows that are run
handlers    the worker module: no-op handlers
rig         the stack, the workers and a client, in a temporary directory
accounting  CPU and memory of the processes, by part
ending      waiting for a run, and why it is open when it does not end
ledger      what the log says of the runs: completed, lost
workloads   one module each
figures     what is measured, as it is written in JSON
targets     what is to be reached, and the floor of the parts
machine     what it was measured on
run         all of it: a rig, the workloads in order, a report
report      the table for people
profile     py-spy on every Python process while a workload runs
kinds       what the CPU of a step is spent on: the profile sorted into kinds of work
compare     `python -m stretto.bench.compare REV`
scaling     `python -m stretto.bench.scaling`: more processes of one service at a time
guard       `python -m stretto.bench.guard`: fails on a large loss, part of `make test`
growing     `python -m stretto.bench.growing`: the same work with more of everything around it
=========== ==================================================================================

Invariants

1. Everything runs on this machine at once: servers, services, workers and the load. CPU and memory
   are those of all of them, this process included.
2. The settings are the product's defaults; what differs is in the report.
3. A run counts when its client has its result, and is lost when the log does not have its end.
"""
