"""Answers to messages of queues, in requests of ten, by a thread of its own.

So a receiver does not wait for AWS between two batches. A message whose answer is lost
comes again.
"""

import queue
import threading
from collections.abc import Sequence
from contextlib import suppress

import attrs

from shared_kernel.buses.aws.connection import AwsConnection
from shared_kernel.buses.port import BusError

MOST = 10
END_S = 2.0


@attrs.frozen
class Answer:
    """`receipt` is that of a message. `delay_s` is None if it is to be deleted."""

    url: str
    receipt: str
    delay_s: int | None = None


class Answers:
    """Any thread may add to them."""

    def __init__(self, connection: AwsConnection) -> None:
        self._connection = connection
        self._waiting: queue.SimpleQueue[Answer | None] = queue.SimpleQueue()
        self._state = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ended = False

    def add(self, answers: Sequence[Answer]) -> None:
        with self._state:
            if self._ended:
                return
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="storehouse-aws-answers", daemon=True
                )
                self._thread.start()
        for each in answers:
            self._waiting.put(each)

    def end(self) -> None:
        """Send what waits, within seconds."""
        with self._state:
            self._ended = True
            thread = self._thread
        if thread is not None:
            self._waiting.put(None)
            if thread is not threading.current_thread():
                thread.join(END_S)

    def _run(self) -> None:
        while True:
            some = [self._waiting.get()]
            while len(some) < MOST and None not in some:
                try:
                    some.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            self._send([each for each in some if each is not None])
            if None in some:
                return

    def _send(self, answers: Sequence[Answer]) -> None:
        for url in {each.url for each in answers}:
            of_queue = [each for each in answers if each.url == url]
            deleted = [each for each in of_queue if each.delay_s is None]
            delayed = [each for each in of_queue if each.delay_s is not None]
            with suppress(BusError):
                if deleted:
                    self._delete(url, deleted)
                if delayed:
                    self._delay(url, delayed)

    def _delete(self, url: str, answers: Sequence[Answer]) -> None:
        entries = [
            {"Id": str(number), "ReceiptHandle": each.receipt}
            for number, each in enumerate(answers)
        ]
        self._connection.ask(
            lambda c: c.sqs.delete_message_batch(QueueUrl=url, Entries=entries)
        )

    def _delay(self, url: str, answers: Sequence[Answer]) -> None:
        entries = [
            {
                "Id": str(number),
                "ReceiptHandle": each.receipt,
                "VisibilityTimeout": each.delay_s,
            }
            for number, each in enumerate(answers)
        ]
        self._connection.ask(
            lambda c: c.sqs.change_message_visibility_batch(
                QueueUrl=url, Entries=entries
            )
        )
