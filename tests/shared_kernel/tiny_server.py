"""A program that serves one tiny application and prints what becomes of it.

    python tiny_server.py PORT [slow-build|broken-build|refused-build]

`GET /` answers at once. `GET /slow` answers some time after the stop was asked for, or
after ten seconds.
"""

import sys
import threading
from collections.abc import Callable, Iterable
from functools import partial
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from shared_kernel.adapters.server import Worker, serve


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def build(worker: Worker) -> WSGIApplication:
    stopping = threading.Event()
    worker.on_stop(partial(say, "stop asked"))
    worker.on_stop(stopping.set)
    worker.on_exit(partial(say, "exit of what was built first"))
    worker.on_exit(partial(say, "exit of what was built last"))
    WAYS_TO_BUILD[sys.argv[2] if len(sys.argv) > 2 else "at-once"]()

    def application(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/slow":
            say("slow request begun")
            stopping.wait(10)
            threading.Event().wait(0.3)
            say("slow request done")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"served"]

    return application


def build_slowly() -> None:
    say("building")
    threading.Event().wait(10)


def break_the_build() -> None:
    raise ValueError("this cannot be built")


def refuse_to_build() -> None:
    say("the store cannot be opened")
    sys.exit(2)


WAYS_TO_BUILD: dict[str, Callable[[], object]] = {
    "at-once": lambda: None,
    "slow-build": build_slowly,
    "broken-build": break_the_build,
    "refused-build": refuse_to_build,
}

if __name__ == "__main__":
    serve(build, host="127.0.0.1", port=int(sys.argv[1]))
    say("served")
