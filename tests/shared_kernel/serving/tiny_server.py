"""A program that serves one tiny application and prints its events.

    python tiny_server.py PORT [WAY [WORKERS [SINCE]]]

WAY is one of WAYS_TO_BUILD, and is used from build number SINCE on, by default the
first. `no-more-processes` is not a build: fork number SINCE and all later ones fail.

`GET /` answers at once, `GET /process` with the id of the process that answers.
`GET /slow` answers some time after the stop was asked for, or after ten seconds.
`GET /large` answers LARGE_BYTES. `POST /length` answers how long the body is.
"""

import errno
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterable
from functools import partial
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from shared_kernel.serving.server import Worker, serve

# A test that only imports this has other arguments.
arguments = sys.argv[1:] if __name__ == "__main__" else []
PORT, WAY, WORKERS, SINCE = (*arguments, *("0", "at-once", "1", "1")[len(arguments) :])
# More than the buffers of two sockets hold.
LARGE_BYTES = 32 * 1024 * 1024
AFTER_THE_STOP_SECONDS = 0.7
# In shared memory: no two processes build at a time.
builds = multiprocessing.RawValue("i", 0)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def build(worker: Worker) -> WSGIApplication:
    stopping = threading.Event()
    worker.on_stop(partial(say, "stop asked"))
    worker.on_stop(stopping.set)
    worker.on_exit(partial(say, "exit of what was built first"))
    worker.on_exit(partial(say, "exit of what was built last"))
    builds.value += 1
    if builds.value >= int(SINCE):
        WAYS_TO_BUILD[WAY]()

    def application(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        answer = "served"
        if environ["PATH_INFO"] == "/process":
            answer = str(os.getpid())
        if environ["PATH_INFO"] == "/length":
            answer = str(len(environ["wsgi.input"].read()))
        if environ["PATH_INFO"] == "/large":
            answer = "x" * LARGE_BYTES
        if environ["PATH_INFO"] == "/slow":
            say("slow request begun")
            stopping.wait(10)
            threading.Event().wait(AFTER_THE_STOP_SECONDS)
            say("slow request done")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [answer.encode()]

    return application


def build_slowly() -> None:
    say("building")
    threading.Event().wait(10)


def break_the_build() -> None:
    raise ValueError("this cannot be built")


def refuse_to_build() -> None:
    say("the store cannot be opened")
    sys.exit(2)


def build_at_once() -> None:
    pass


WAYS_TO_BUILD: dict[str, Callable[[], object]] = {
    "at-once": build_at_once,
    "no-more-processes": build_at_once,
    "slow-build": build_slowly,
    "broken-build": break_the_build,
    "refused-build": refuse_to_build,
}


def let_fork(times: int) -> None:
    """From then on `fork` fails, as if the system had no process left."""
    fork, tickets = os.fork, iter(range(times))

    def fork_with_a_ticket() -> int:
        if next(tickets, None) is None:
            raise BlockingIOError(errno.EAGAIN, "no process can be had")
        return fork()

    os.fork = fork_with_a_ticket


if __name__ == "__main__":
    if WAY == "no-more-processes":
        let_fork(int(SINCE) - 1)
    serve(build, host="127.0.0.1", port=int(PORT), workers=int(WORKERS))
    say("served")
