"""Workers and devices in numbers: `python -m stretto.bench.fleets [CASE ...]`.

Each case has a stack of its own and says what it found beside what is promised.

=========== ==================================================================================
case        what
=========== ==================================================================================
branches    one run with 100 equal branches of 50 ms against 100 such steps in sequence
presence    CPU of all processes for 1,000 devices that tell of themselves every 5 s
lost        from the death of a worker to the event that says so, against its heartbeat
waiting     10,000 attempts for one slot: memory, and the order in which they were done
mosaic      a graph of 293 steps, as images of the sky are put together, against its longest chain
scale       a backlog of 5,000 tasks of a second, `stretto worker --scale 1..8`, and back
=========== ==================================================================================
"""
