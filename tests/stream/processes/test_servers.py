"""Waiting for a server that compiles: on a real page over HTTP."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from stream.config import Config
from stream.errors import CheckError
from stream.processes import servers


class Page(BaseHTTPRequestHandler):
    """Counts how often it was asked; ready from the 12th time on."""

    def do_GET(self) -> None:
        self.server.asked += 1  # type: ignore[attr-defined]
        ready = self.server.asked >= 12  # type: ignore[attr-defined]
        words = self.server.words.format(self.server.asked)  # type: ignore[attr-defined]
        self.send_response(200 if ready else 503)
        self.end_headers()
        self.wfile.write(words.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def page() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Page)
    server.asked = 0  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def wait(page: HTTPServer, words: str) -> None:
    page.words = words  # type: ignore[attr-defined]
    process = servers.GatewayProcess(Config(), port=page.server_address[1])
    process.wait_ready(0.7)


def test_words_on_compiling_make_it_wait_longer(page: HTTPServer) -> None:
    wait(page, "starting: compiling kernels, this once: {} of about 90")
    assert page.asked >= 12  # type: ignore[attr-defined]


@pytest.mark.parametrize("words", ["starting: connecting {}", "starting: compiling kernels, this once: 3 of about 90"])
def test_other_words_and_the_same_again_do_not(page: HTTPServer, words: str) -> None:
    with pytest.raises(CheckError, match="must become ready within 1 s"):
        wait(page, words)


def test_compiling_has_an_end_too(page: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "COMPILING_S", 0.7)
    with pytest.raises(CheckError, match="must become ready"):
        wait(page, "starting: compiling kernels, this once: {} of about 90")
