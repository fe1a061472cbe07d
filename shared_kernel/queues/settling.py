"""What becomes of processed messages: finished, delivered again, or dead-lettered."""

from collections.abc import Callable, Sequence, Set

import attrs
import structlog
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.dead_letters import store as dead_letters
from shared_kernel.dead_letters.failure import Failure
from shared_kernel.dead_letters.letter import DEAD
from shared_kernel.queues import jobs
from shared_kernel.queues.consumer import Processed
from shared_kernel.queues.jobs import SOURCE
from shared_kernel.queues.port import (
    LeaseLostError,
    Message,
    Receipt,
    UnprocessableError,
)
from shared_kernel.queues.settings import QueueSettings
from shared_kernel.storage.errors import is_fault

_log = structlog.get_logger(__name__)


@attrs.define
class Counts:
    """Of this consumer, since it began."""

    done: int = 0
    rejected: int = 0
    dead: int = 0
    lost_leases: int = 0


@attrs.define
class Settlement:
    """Of messages of the queue `queue`, in the transaction of `connection`.

    `acknowledged` ones are finished already, in the transaction of their effects.
    `jitter` gives a random number from 0 to 1.
    """

    queue: str
    settings: QueueSettings
    connection: Connection
    acknowledged: Set[Receipt]
    now_us: int
    jitter: Callable[[], float]
    counts: Counts = attrs.field(init=False, factory=Counts)

    def settle(self, processed: Sequence[Processed]) -> Counts:
        well = {
            each.message.receipt
            for each in processed
            if each.error is None and each.message.receipt
        }
        finished = jobs.finish(self.connection, well)
        lost = well - finished - self.acknowledged
        self.counts.done = len(well) - len(lost)
        for each in processed:
            if each.error is not None:
                self._reject(each.message, each.error)
            elif each.message.receipt in lost:
                self._lose(each.message)
        return self.counts

    def _reject(self, message: Message, error: Exception) -> None:
        receipt = message.receipt
        if receipt in self.acknowledged:
            _log.error("failed after its effects", queue=self.queue, reason=str(error))
            self.counts.done += 1
        elif receipt is None or isinstance(error, LeaseLostError):
            self._lose(message)
        elif is_fault(error):
            # Never the message's fault: it does not count as an attempt.
            self._return(message, receipt, attempts=-1)
        elif self._is_last(message, error):
            self._give_up(message, receipt, Failure.of(error))
        else:
            self._return(message, receipt, failed_us=self.now_us)

    def _return(
        self,
        message: Message,
        receipt: Receipt,
        attempts: int = 0,
        failed_us: int | None = None,
    ) -> None:
        again_us = self._again_us(message.attempts)
        if jobs.reject(self.connection, receipt, again_us, attempts, failed_us):
            self.counts.rejected += 1
        else:
            self._lose(message)

    def _is_last(self, message: Message, error: Exception) -> bool:
        attempts = message.attempts >= self.settings.max_attempts
        return attempts or isinstance(error, UnprocessableError)

    def _lose(self, message: Message) -> None:
        self.counts.lost_leases += 1
        _log.warning("job lost its lease", queue=self.queue, message_id=message.id)

    def _give_up(self, message: Message, receipt: Receipt, failure: Failure) -> None:
        times = jobs.times_of(self.connection, receipt)
        if times is not None and jobs.finish(self.connection, [receipt]):
            self._dead_letter(receipt, message, failure, times)
        else:
            self._lose(message)

    def _dead_letter(
        self,
        receipt: Receipt,
        message: Message,
        failure: Failure,
        times: jobs.Times,
    ) -> None:
        envelope = Envelope(
            position=receipt.number,
            id=message.id,
            source=SOURCE,
            type=message.name,
            key=message.key or message.id,
            time_us=times.added_us,
            traceparent=message.traceparent,
            data=message.payload.encode(),
        )
        dead_letters.add(
            self.connection,
            self.queue,
            [envelope],
            state=DEAD,
            reason=failure.reason,
            attempts=message.attempts,
            now_us=self.now_us,
            failure=failure,
            since_us=times.failed_us,
        )
        self.counts.dead += 1
        _log.error(
            "message dead-lettered",
            queue=self.queue,
            message_id=message.id,
            attempts=message.attempts,
            reason=failure.reason,
        )

    def _again_us(self, attempts: int) -> int:
        settings = self.settings
        longest_s = min(
            settings.backoff_s * 2 ** (attempts - 1), settings.max_backoff_s
        )
        wait_s = longest_s * (0.5 + self.jitter() / 2)
        return self.now_us + int(wait_s * 1_000_000)
