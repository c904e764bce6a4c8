"""How a lane learns what there is when it is taken: the work stream holds what is out, the workflow
service sends what is open once more.
"""

import logging
from collections.abc import Awaitable, Callable

import msgspec

from services.execution.core.admission import Admission
from services.execution.core.answered import Answered
from services.execution.core.gate import Gate
from services.execution.intake import found_attempt
from services.execution.settings import ExecutionSettings
from services.execution.work_stream import Stored, WorkStream
from stretto.contracts import subjects
from stretto.contracts.codec import decode_work, json_encode
from stretto.contracts.public import Task
from stretto.runtime.context import ServiceContext
from stretto.runtime.errors import StrettoError
from stretto.runtime.topology import CHARGED_LANE, lane_of
from stretto.telemetry import names

OPEN_FIRST_WAIT_S = 0.2
OPEN_MAX_WAIT_S = 5.0

ANSWERED_FOR_US = 30_000_000
"""After so long the workflow service has read the results that came when it was asked."""

logger = logging.getLogger(__name__)


class Beginning:
    """What a lane begins with. `recover`, then `ask_open`; `settle` from time to time."""

    def __init__(
        self,
        context: ServiceContext[ExecutionSettings],
        lane: int,
        core: Admission,
        gate: Gate,
        answered: Answered,
    ) -> None:
        self._context = context
        self._lane = lane
        self._core = core
        self._gate = gate
        self._answered = answered
        self.open_since_us = 0
        """When what is open was sent to us; 0: not yet."""

    async def recover(self, work: WorkStream) -> None:
        """Take the attempts of this lane that are in the work stream.

        Raises:
            TransientError: the work stream cannot be read.
        """
        found = 0
        now_us = self._context.clock.now_us()
        async for stored in work.read():
            found += self._take(stored, now_us)
        logger.info("lane taken", extra={names.LOG_LANE: self._lane, names.LOG_COUNT: found})

    def _take(self, stored: Stored, now_us: int) -> int:
        try:
            namespace, queue = subjects.parse_work(stored.subject)
            tasks = decode_work(stored.data).tasks
        except (ValueError, msgspec.DecodeError, RecursionError) as error:
            # Somebody else's message: workers will say what they think of it.
            logger.warning("work not understood", extra={names.LOG_REASON: str(error)})
            return 0
        mine = [task for task in tasks if self._is_mine(task)]
        alone = len(tasks) == 1
        for task in mine:
            self._core.recover(found_attempt(task, namespace, queue), stored.seq, alone, now_us)
            self._gate.used |= task.rate_key is not None
        return len(mine)

    def _is_mine(self, task: Task) -> bool:
        try:
            lane = lane_of(subjects.parse_results(task.reply), self._context.settings.lanes)
            return self._lane == (CHARGED_LANE if task.resources or task.rate_key else lane)
        except ValueError:
            return False

    async def ask_open(self, caught_up: Callable[[], Awaitable[object]]) -> None:
        """Ask the workflow service for what is open on this lane, until it answers; after the
        results are read (`caught_up`) that it may not know yet."""
        await caught_up()
        wait_s = OPEN_FIRST_WAIT_S
        request = json_encode({"lane": self._lane})
        while True:
            try:
                await self._context.connection.request(subjects.api("workflow", "open"), request)
            except StrettoError as error:
                logger.info("waiting for open attempts", extra={names.LOG_REASON: str(error)})
                await self._context.clock.sleep(wait_s)
                wait_s = min(wait_s * 2, OPEN_MAX_WAIT_S)
            else:
                self.open_since_us = self._context.clock.now_us()
                return

    def settle(self, now_us: int) -> None:
        """Forget which results came meanwhile, once nobody asks for them any more."""
        if 0 < self.open_since_us < now_us - ANSWERED_FOR_US:
            self._answered.close()
