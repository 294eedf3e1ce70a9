"""Requests over sockets: one to check an answer, and as many as a server answers to measure it."""

from __future__ import annotations

import json
import math
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import ThreadPoolExecutor as Threads
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from shutil import which
from typing import Any
from urllib.parse import quote_plus, urlencode

CLIENTS = 8
CLIENT_PROCESSES = 2
ANSWER_SECONDS = 60
LATE_ANSWER_SECONDS = 1  # that wrk waits for the answers to the last posts
SCRIPT = Path(__file__).with_name("load.lua")
# wrk counts the bytes of answers that it did not read to their end.
BYTES_TOLERANCE = 0.02
ACKNOWLEDGED = (302, 303)
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """What came back: `size` is of the whole, headers and body."""

    status: int
    head: str
    body: bytes
    size: int

    def header(self, name: str) -> str | None:
        """Return the value of a header, None where it was not sent."""
        found = re.search(rf"^{name}: *(.*?)\r?$", self.head, re.IGNORECASE | re.MULTILINE)
        return found[1] if found else None


class Connection:
    """A connection to a server on this machine, kept open while the server keeps it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.socket: socket.socket | None = None

    def ask(self, request: bytes) -> Answer:
        """Send a whole request and return the answer; on a new connection if the server has closed this one."""
        for _ in range(2):
            if self.socket is None:
                self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_SECONDS)
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self.socket.sendall(request)
                received = self.socket.recv(1 << 18)
            except (BrokenPipeError, ConnectionResetError):
                received = b""
            if received:
                return self._answer(received)
            self.close()
        raise ConnectionError("the server closes its connections without an answer")

    def _answer(self, received: bytes) -> Answer:
        while b"\r\n\r\n" not in received:
            received += self._more()
        head, _, body = received.partition(b"\r\n\r\n")
        found = STATUS.match(head)
        status = int(found[1]) if found else 0
        length = LENGTH.search(head)
        if length:
            while len(body) < int(length[1]):
                body += self._more()
        elif b"chunked" in head.lower():
            while not body.endswith(b"0\r\n\r\n"):
                body += self._more()
        if b"connection: close" in head.lower():
            self.close()
        return Answer(status, head.decode("latin-1"), body, len(head) + 4 + len(body))

    def _more(self) -> bytes:
        more = self.socket.recv(1 << 18) if self.socket else b""
        if not more:
            raise ConnectionError("an answer broke off")
        return more

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def request(method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    """Return a request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{k}: {v}" for k, v in (headers or {}).items())]
    if method == "POST":
        lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def get(port: int, path: str, **headers: str) -> Answer:
    """Ask once, on a connection of its own; the names of headers have _ for -."""
    with closing(Connection(port)) as connection:
        return connection.ask(request("GET", path, {name.replace("_", "-"): each for name, each in headers.items()}))


@dataclass(frozen=True)
class Target:
    """What is asked for again and again, and the answer that it must get; with None, one whose status is 200."""

    port: int
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    expected: Answer | None = None


@dataclass(frozen=True)
class Posts:
    """One request in `every` is a post, a client's first as well, of a text in `field` that no other post has."""

    every: int
    field: str
    texts: Sequence[str]


@dataclass
class Tally:
    """What clients saw: seconds that each post and each read took, texts of posts acknowledged, and what failed.

    Of the posts and reads so many were `unanswered` when the run ended; they took at least as long as is told.
    """

    posts: list[float] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    unanswered: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Return the good answers a second."""
        return (len(self.posts) + len(self.reads) - len(self.failures) - self.unanswered) / self.seconds

    def add(self, other: Tally) -> None:
        self.posts += other.posts
        self.reads += other.reads
        self.acknowledged += other.acknowledged
        self.failures += other.failures
        self.unanswered += other.unanswered
        self.seconds = max(self.seconds, other.seconds)


def has_wrk() -> bool:
    return which("wrk") is not None


def rate(target: Target, seconds: float, clients: Clients) -> float:
    """Return how many answers a second CLIENTS connections get. Raises AssertionError where one is not as expected."""
    if not has_wrk():
        tally = clients.run(target, seconds)
        _assert(not tally.failures, f"{target.path}: {tally.failures[:3]}")
        return len(tally.reads) / tally.seconds
    counted = _wrk(target, max(1, round(seconds)))
    if not counted["requests"] and seconds < ANSWER_SECONDS:
        return rate(target, 2 * seconds + 1, clients)  # a machine so busy that no answer came in time
    failed = counted["connections_failed"] + counted["status_errors"]
    _assert(counted["requests"] > 0 and not failed, f"{target.path}: {failed} failed, {counted}")
    if target.expected is not None:
        size, expected = counted["bytes"] / counted["requests"], target.expected.size
        is_right = abs(size - expected) <= max(64, BYTES_TOLERANCE * expected)
        _assert(is_right, f"{target.path}: {size} bytes an answer, not {expected}")
    return float(counted["requests"] / counted["seconds"])


def post(target: Target, seconds: float, posts: Posts, clients: Clients) -> Tally:
    """Return what CLIENTS connections saw that sent posts, or posts among reads, for so many seconds."""
    if not has_wrk():
        return clients.run(target, seconds, posts)
    nonce = str(time.time_ns())
    with tempfile.NamedTemporaryFile("w", encoding="ascii") as texts:
        texts.writelines(f"{quote_plus(each)}\n" for each in posts.texts)
        texts.flush()
        given = [str(posts.every), str(seconds), posts.field, nonce, texts.name]
        counted = _wrk(target, math.ceil(seconds) + LATE_ANSWER_SECONDS, *given)
    tally = wrk_tally(counted, posts, nonce)
    if not tally.seconds:  # as above
        _assert(seconds < ANSWER_SECONDS, f"{target.path}: no answer in {seconds} s")
        tally.add(post(target, 2 * seconds + 1, posts, clients))
    return tally


def wrk_tally(counted: Mapping[str, Any], posts: Posts, nonce: str) -> Tally:
    """Return what wrk saw. Its script names posts by the number of their connection and their place there."""
    tally = Tally(seconds=counted["answering_seconds"])
    tally.failures += ["wrk lost a connection"] * counted["connections_failed"]
    for connection, place, took, status in counted["answers"]:
        (tally.reads if place is None else tally.posts).append(took)
        if not status:
            tally.unanswered += 1
        elif place is None:
            tally.failures += [] if status == 200 else [f"GET {status}"]
        elif status in ACKNOWLEDGED:
            text = posts.texts[(place * CLIENTS + connection) % len(posts.texts)]
            tally.acknowledged.append(f"{text} ({nonce}-{connection}-{place})")
        else:
            tally.failures.append(f"POST {status}")
    return tally


def _wrk(target: Target, seconds: int, *arguments: str) -> dict[str, Any]:
    """Run wrk with our script, and return what that counted."""
    # A thread for each connection: one thread opens all at once, and one worker of gunicorn often gets them all.
    command = ["wrk", f"-t{CLIENTS}", f"-c{CLIENTS}", f"-d{seconds}s", "--timeout", f"{ANSWER_SECONDS}s"]
    headers = [part for name, value in target.headers.items() for part in ("-H", f"{name}: {value}")]
    address = f"http://127.0.0.1:{target.port}{target.path}"
    script = ["-s", str(SCRIPT), address, "--", str(CLIENTS), *arguments]
    done = subprocess.run([*command, *headers, *script], capture_output=True, text=True, check=True)
    counted: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return counted


def _assert(is_right: bool, problem: str) -> None:
    if not is_right:
        raise AssertionError(problem)


class Clients:
    """Our own clients: CLIENTS connections, in processes of their own so that they do not wait for each other."""

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(CLIENT_PROCESSES, mp_context=get_context("spawn"))

    def run(self, target: Target, seconds: float, posts: Posts | None = None) -> Tally:
        """Have all clients ask at the same time for so many seconds, and count what they saw."""
        each = [self._pool.submit(_run_threads, target, seconds, posts, n) for n in range(CLIENT_PROCESSES)]
        tally = Tally()
        for future in each:
            tally.add(future.result())
        return tally

    def close(self) -> None:
        self._pool.shutdown()


def _run_threads(target: Target, seconds: float, posts: Posts | None, process: int) -> Tally:
    count = CLIENTS // CLIENT_PROCESSES
    tally = Tally()
    with Threads(count) as threads:
        numbers = range(process * count, (process + 1) * count)
        for done in threads.map(lambda number: _run_client(target, seconds, posts, number), numbers):
            tally.add(done)
    return tally


def _run_client(target: Target, seconds: float, posts: Posts | None, number: int) -> Tally:
    """Ask on one connection; an answer that is not as expected is a failure."""
    tally = Tally()
    read = request("GET", target.path, target.headers)
    begin = time.perf_counter()
    with closing(Connection(target.port)) as connection:
        while time.perf_counter() - begin < seconds:
            try:
                if posts and (len(tally.posts) + len(tally.reads)) % posts.every == 0:
                    _post(connection, target.path, posts, number, tally)
                else:
                    took, answer = _timed(lambda: connection.ask(read))
                    tally.reads.append(took)
                    if not _is_expected(answer, target.expected):
                        tally.failures.append(f"GET {answer.status}, {answer.size} bytes")
            except OSError as error:
                connection.close()
                tally.failures.append(repr(error))
    tally.seconds = time.perf_counter() - begin
    return tally


def _is_expected(answer: Answer, expected: Answer | None) -> bool:
    if expected is None:
        return answer.status == 200
    return (answer.status, len(answer.body)) == (expected.status, len(expected.body))


def _post(connection: Connection, path: str, posts: Posts, number: int, tally: Tally) -> None:
    place = len(tally.posts) * CLIENTS + number
    text = f"{posts.texts[place % len(posts.texts)]} ({time.time_ns()}-{number})"
    message = request("POST", path, None, urlencode({posts.field: text}).encode())
    took, answer = _timed(lambda: connection.ask(message))
    tally.posts.append(took)
    if answer.status in ACKNOWLEDGED:
        tally.acknowledged.append(text)
    else:
        tally.failures.append(f"POST {answer.status}")


def _timed(work: Callable[[], Answer]) -> tuple[float, Answer]:
    begin = time.perf_counter()
    answer = work()
    return time.perf_counter() - begin, answer
