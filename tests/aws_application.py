"""The server process of `tests.aws_server`: moto's SNS and SQS, made fit for load.

As moto is, sending a message costs more the more there are in the queue, and threads
that send, receive and delete at the same time lose and repeat messages.
"""

import logging
import threading
import time
from typing import Any

import moto.sns.responses
import moto.sqs.responses
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.sqs import models
from werkzeug.serving import make_server

BACKENDS = (moto.sns.responses, moto.sqs.responses)
"""Imported here, so that a fork need not."""
LOOK_EVERY_S = 0.02
"""For messages that are visible again, or the first of their group."""

_receive = models.SQSBackend.receive_message
_delete = models.Queue.delete_message
_add = models.Queue.add_message
_one_at_a_time = threading.RLock()


class Handler(MotoRequestHandler):
    """With connections that stay open, as those of AWS do."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True


def receive(
    backend: Any, name: str, most: int, wait_s: int, visibility_s: int, *names: Any
) -> Any:
    queue, end = backend.get_queue(name), time.monotonic() + wait_s
    while True:
        with _one_at_a_time:
            found = _receive(backend, name, most, 0, visibility_s, *names)
        if found or time.monotonic() >= end:
            return found
        with queue._messages_lock:
            queue._messages_lock.wait(LOOK_EVERY_S)


def add(queue: Any, message: Any) -> None:
    with _one_at_a_time:
        _add(queue, message)


def delete(queue: Any, receipt_handle: str) -> None:
    with _one_at_a_time:
        _delete(queue, receipt_handle)
    # The next one of its group may be received.
    with queue._messages_lock:
        queue._messages_lock.notify_all()


def is_kept(backend: Any, name: str, message: Any) -> bool:
    kept_s = backend.get_queue(name).message_retention_period
    return bool(message.sent_timestamp / 1000 + kept_s > time.time())


def delayed(queue: Any) -> int:
    now_ms = time.time() * 1000
    return sum(each.delayed_until > now_ms for each in queue._messages)


def not_visible(queue: Any) -> int:
    now_ms = time.time() * 1000
    return sum(each.visible_at >= now_ms for each in queue._messages)


def visible(queue: Any) -> int:
    return len(queue._messages) - delayed(queue) - not_visible(queue)


def make_fit() -> None:
    backend: Any = models.SQSBackend
    queue: Any = models.Queue
    backend.receive_message = receive
    backend.is_message_valid_based_on_retention_period = is_kept
    queue.add_message, queue.delete_message = add, delete
    queue.approximate_number_of_messages = property(visible)
    queue.approximate_number_of_messages_delayed = property(delayed)
    queue.approximate_number_of_messages_not_visible = property(not_visible)
    clock: Any = models
    clock.unix_time = time.time
    clock.unix_time_millis = lambda: time.time() * 1000


def serve(port: int) -> None:
    make_fit()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    application = DomainDispatcherApplication(create_backend_app)
    make_server(
        "127.0.0.1", port, application, threaded=True, request_handler=Handler
    ).serve_forever()
