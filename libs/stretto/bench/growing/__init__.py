"""The same work with more of everything around it: `python -m stretto.bench.growing [CASE ...]`.

Each case has a stack of its own. Workload B is measured on it, then what the case is about is made
large, then B is measured again: the ratio of the two says whether work gets dearer as the system
fills. What cannot be held against B (items, payloads) is held against its own small size, by CPU.

=========== ==================================================================================
case        what grows
=========== ==================================================================================
history     events of closed runs in the log
closed      closed runs in the log
open        open runs that wait for a signal
devices     devices that tell of themselves every few seconds
items       parallel items of one run: CPU an item
payload     bytes of a payload: CPU a step, and megabytes a second
=========== ==================================================================================
"""
