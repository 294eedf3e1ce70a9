"""The server of `commentsite serve`, and what the command says before it serves."""

from __future__ import annotations

import os
import signal
import socket
import threading
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from waitress.channel import HTTPChannel

from commentsite.cli import cli
from commentsite.server import Server


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Give the signals back to the tests."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


class Silent:
    """A server that listens on port 8765 and ends at once."""

    port = 8765

    def __init__(self, *_arguments: object) -> None:
        self.was_run = False

    def run(self) -> None:
        self.was_run = True


class Refused:
    """A server that cannot listen."""

    def __init__(self, *_arguments: object) -> None:
        raise OSError(98, "Address already in use")


def serve(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["serve", *arguments])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_server_answers_until_it_is_told_to_stop(app: Flask, number: signal.Signals) -> None:
    server = Server(app, "127.0.0.1", 0, 2)
    answers = []

    def visit_and_stop() -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/", timeout=10) as answer:
            answers.append(answer.status)
        os.kill(os.getpid(), number)

    visitor = threading.Thread(target=visit_and_stop)
    visitor.start()
    server.run()
    visitor.join()
    assert answers == [200]


def test_answers_are_sent_in_one_piece(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[bytes] = []

    def send(channel: HTTPChannel, data: bytes, *, do_close: bool) -> int:
        pieces.append(bytes(data))
        return int(sent(channel, data, do_close=do_close))

    sent = HTTPChannel.send
    monkeypatch.setattr(HTTPChannel, "send", send)
    test_server_answers_until_it_is_told_to_stop(app, signal.SIGTERM)
    (piece,) = pieces
    assert piece.startswith(b"HTTP/1.1 200")
    assert b"</html>" in piece


def test_answer_does_not_wait_for_the_request_that_came_with_it() -> None:
    page, has_answer = b"x" * 20_000, threading.Event()
    answers: list[bytes] = []

    def app(environ: dict[str, Any], start: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/second":
            has_answer.wait(5)
        start("200 OK", [("Content-Length", str(len(page)))])
        return [page]

    def visit() -> None:
        with socket.create_connection(("127.0.0.1", server.port), timeout=4) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /second HTTP/1.1\r\nHost: x\r\n\r\n")
            try:
                for _ in range(2):
                    answer = HTTPResponse(connection)
                    answer.begin()
                    answers.append(answer.read())
                    has_answer.set()
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

    server = Server(app, "127.0.0.1", 0, 2)  # type: ignore[arg-type]
    visitor = threading.Thread(target=visit)
    visitor.start()
    server.run()
    visitor.join()
    assert answers == [page, page]


def test_one_thread_at_a_time_sends_on_a_connection(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two would both send what is there: an answer came twice where a form that expects "100 Continue" was behind it.
    locked: list[bool] = []

    def send(channel: HTTPChannel, data: bytes, *, do_close: bool) -> int:
        locked.append(channel.outbuf_lock._is_owned())
        return int(sent(channel, data, do_close=do_close))

    sent = HTTPChannel.send
    monkeypatch.setattr(HTTPChannel, "send", send)
    test_server_answers_until_it_is_told_to_stop(app, signal.SIGTERM)
    assert locked
    assert all(locked)


def test_serve_says_where_it_is_and_where_the_comments_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMENTSITE_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("commentsite.cli.Server", Silent)
    said = serve("--host", "::1").output
    assert "is at http://[::1]:8765/" in said
    assert f"Comments are kept in {tmp_path / 'comments.db'}" in said
    assert "come back later" not in said


def test_serve_names_the_port_it_cannot_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMENTSITE_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("commentsite.cli.Server", Refused)
    result = serve("--port", "81")
    assert result.exit_code == 1
    assert "cannot listen on 127.0.0.1 port 81: Address already in use" in result.output


def test_serve_begins_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMENTSITE_DATABASE_URL", "mysql://u:hunter2@127.0.0.1:1/d")
    monkeypatch.setenv("COMMENTSITE_SECRET_KEY", "9f2d6c1e0b7a4835")
    monkeypatch.setattr("commentsite.cli.Server", Silent)
    result = serve()
    assert result.exit_code == 0
    assert "Visitors are told to come back later: the database does not answer" in result.output
    assert "hunter2" not in result.output
