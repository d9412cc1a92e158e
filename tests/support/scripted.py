"""An HTTP server on loopback that answers by a script: late, not at all, in pieces; and says what it was sent."""

import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Step(NamedTuple):
    """An answer; status 0: the connection is closed without one."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = {}
    after_s: float = 0.0
    pieces: tuple[bytes, ...] = ()  # in place of the body, each in a packet of its own; then the answer ends


class Sent(NamedTuple):
    """A request that came."""

    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    client: tuple[str, int]  # equal for requests of one connection


class Scripted(NamedTuple):
    """A running server."""

    url: str
    sent: list[Sent]


@contextmanager
def scripted(*steps: Step, tls: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    """A server that takes these steps in turn, and the last again and again."""
    sent, left, lock = list[Sent](), list(steps), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with lock:
                sent.append(Sent(self.command, self.path, headers, body, self.client_address))
                step = left.pop(0) if len(left) > 1 else left[0]
            time.sleep(step.after_s)
            if not step.status:
                self.close_connection = True
                return
            with suppress(ConnectionError):  # the client did not wait
                self.write(step)

        def write(self, step: Step) -> None:
            self.send_response(step.status)
            length = {"Transfer-Encoding": "chunked"} if step.pieces else {"Content-Length": f"{len(step.body)}"}
            for name, value in ({"Content-Type": "application/json"} | dict(step.headers) | length).items():
                self.send_header(name, value)
            self.end_headers()
            for piece in step.pieces:
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                time.sleep(0.02)
            self.wfile.write(b"0\r\n\r\n" if step.pieces else step.body)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815  names of the library

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's name
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Scripted(f"http{'s' * (tls is not None)}://127.0.0.1:{server.server_address[1]}", sent)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
