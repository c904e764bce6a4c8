"""The tasks that the execution service runs itself: `std.*`.

They are handlers as a worker has them, run by the worker's own runner: typed inputs, deadlines,
cancellation, spans and failures are the same. `README.md` of the service describes each.
"""
