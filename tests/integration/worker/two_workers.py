"""Two workers in a process; one of their handlers never ends by itself."""

import threading

from stretto import Worker

quick = Worker(queue="q", name="quick")
stuck = Worker(queue="stuck", name="stuck")


@quick.task("quick")
async def run_quick() -> str:
    return "quick"


@stuck.task("stuck")
def run_stuck() -> None:
    threading.Event().wait()
