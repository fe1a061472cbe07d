"""A fake peer process, in a thread: it gives the test's responses."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import attrs

JSON = "application/json"


@attrs.define(eq=False)
class PeerServer:
    """Answers each request with the next of `answers`, and then always the last.

    An answer is a status, a body and headers; it is sent once `slow` is set.
    """

    answers: list[tuple[int, bytes, Mapping[str, str]]] = attrs.field(
        factory=lambda: [(200, b"{}", {"Content-Type": JSON})]
    )
    asked: list[str] = attrs.field(factory=list)
    headers: list[Mapping[str, str]] = attrs.field(factory=list)
    slow: threading.Event | None = None
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(
        self, body: bytes, status: int = 200, kind: str = JSON, **headers: str
    ) -> None:
        """From now on."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers = [(status, body, {"Content-Type": kind, **named})]

    @contextmanager
    def running(self) -> Iterator[None]:
        """On the same port as before, if there was one."""
        played = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                played.asked.append(self.path)
                played.headers.append(dict(self.headers))
                if played.slow is not None:
                    played.slow.wait(10)
                status, body, headers = played.answers[0]
                if len(played.answers) > 1:
                    del played.answers[0]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Log nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request: object, client_address: object) -> None:
                """Report nothing: a client may disconnect."""

        server = Server(("127.0.0.1", self.port), Handler)
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
