"""What every service process shares: lifespan, settings, clock, health, topology, errors.

::

    class DecisionSettings(ServiceSettings): ...            # settings: STRETTO_* variables

    async def main(context: ServiceContext[DecisionSettings]) -> None:
        async with context.pull(topology.decision(), batch=100) as loop:
            await context.started({"stats": tell_stats})    # ready; stretto.api.decision.stats
            while not context.stopping.is_set():
                batch = await loop.next_batch(timeout_s=0.5)
                ...

    sys.exit(run_service("decision", settings_or_exit(DecisionSettings), main))

1. A process either works or ends with a code: what fails and cannot be mended ends it, and the
   supervisor starts it again.
2. The order of starting and stopping is written once, in `service`.
3. Streams and consumers are data, in `topology`; they exist when `main` begins, and are made again
   when the store was deleted.
4. Time comes in by argument (`clock`): instants in microseconds, deadlines in monotonic seconds.
"""
