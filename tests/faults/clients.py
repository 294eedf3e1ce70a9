"""Clients that write down, outside the database, what they sent and what was acknowledged; and what compares it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from sqlalchemy import text
from sqlalchemy.engine import URL

from tests.databases import open_engine
from tests.servers.clients import Answer, ask

if TYPE_CHECKING:
    from typing_extensions import Self

PAUSE_SECONDS = 0.05  # before a post is sent again
END_SECONDS = 120
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Comparison:
    """Tokens of comments: acknowledged and not stored, stored more than once, stored and never sent."""

    lost: frozenset[str] = frozenset()
    doubled: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()


ALL_IS_WELL = Comparison()


def compare(acknowledged: Collection[str], sent: Collection[str], stored_texts: Iterable[str]) -> Comparison:
    """Return what is wrong with `stored_texts`, each of which begins with a token. What was only sent may be there."""
    stored = Counter((content.split() or [""])[0] for content in stored_texts)
    return Comparison(
        lost=frozenset(acknowledged) - stored.keys(),
        doubled=frozenset(token for token, times in stored.items() if times > 1),
        unknown=frozenset(stored.keys() - set(sent)),
    )


def stored_texts(url: URL) -> list[str]:
    """Return the text of every comment, as the database has it."""
    engine = open_engine(url)
    with engine.connect() as connection:
        return [str(content) for (content,) in connection.execute(text("SELECT content FROM comments"))]


class Event(NamedTuple):
    """What came of one request: when it was sent and over (time.monotonic), and its status, "refused" or "cut"."""

    begun: float
    over: float
    what: int | str


class Clients:
    """Threads that ask for as long as this is open; `answers` counts what came of it, `bad` has what never should."""

    def __init__(self, ports: int | Sequence[int], clients: int, also: Collection[int] = ()) -> None:
        self.ports = [ports] if isinstance(ports, int) else list(ports)
        self.also = frozenset(also)
        self.answers: Counter[int | str] = Counter()
        self.bad: list[tuple[int, str]] = []
        self.events: list[Event] = []
        self.over = threading.Event()
        self._lock = threading.Lock()
        self._errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._guarded, args=(client,)) for client in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let each client have the answer it waits for, and end. Raises what went wrong in a client itself."""
        self.over.set()
        for thread in self._threads:
            thread.join(END_SECONDS)
        if error is None and (self._errors or any(thread.is_alive() for thread in self._threads)):
            raise RuntimeError(f"clients did not end well: {self._errors}")

    @property
    def longest_seconds(self) -> float:
        """How long the slowest request took."""
        return max((event.over - event.begun for event in self.events), default=0.0)

    def run(self, client: int) -> None:
        """Do what one client does until `over` is set."""
        raise NotImplementedError

    def __str__(self) -> str:
        """Say what was answered how often, and the longest wait."""
        answers = ", ".join(f"{what}: {times}" for what, times in sorted(self.answers.items(), key=str))
        return f"{answers}, the slowest after {self.longest_seconds:.1f} s"

    def take(self, ask: Callable[[], Answer]) -> Answer | str:
        """Return the answer, or "refused" or "cut" where there is none; and write down what it was."""
        begun = time.monotonic()
        answer: Answer | str
        try:
            answer = ask()
        except ConnectionRefusedError:
            answer = "refused"
        except (OSError, HTTPException):
            answer = "cut"
        what = answer if isinstance(answer, str) else answer.status
        with self._lock:
            self.answers[what] += 1
            self.events.append(Event(begun, time.monotonic(), what))
            if isinstance(answer, Answer) and not is_right(answer, self.also):
                self.bad.append((answer.status, answer.body[:2000]))
        return answer

    def _guarded(self, client: int) -> None:
        try:
            self.run(client)
        except BaseException as error:
            self._errors.append(error)
            raise


class Posters(Clients):
    """Clients that post, each with a browser of its own; see `acknowledged` and `bad`.

    Each writes to a file of its own in `folder`, a line `sent TOKEN` before it sends a text and `stored TOKEN` after
    it was told that the text is stored. What was not acknowledged is sent again, the same, until it is or this is
    closed; with several ports, to the next of them. `also` are statuses that are right beside success, 4xx and 503.
    """

    def __init__(
        self, ports: int | Sequence[int], folder: Path, clients: int = 8, *, path: str = "/", also: Collection[int] = ()
    ) -> None:
        super().__init__(ports, clients, also)
        self.folder = folder
        self.path = path
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def sent(self) -> set[str]:
        """The tokens that were sent, whatever came of them."""
        return self._written("sent")

    @property
    def acknowledged(self) -> set[str]:
        """The tokens whose text the site said it has stored."""
        return self._written("stored")

    def _written(self, word: str) -> set[str]:
        lines = [line for file in self.folder.glob("client-*") for line in file.read_text().splitlines()]
        return {token for kind, _, token in (line.partition(" ") for line in lines) if kind == word}

    def run(self, client: int) -> None:
        # Another run on the same database goes on where this one ended, with other tokens.
        started = time.monotonic_ns()
        with (self.folder / f"client-{client}-{started}").open("w") as file:
            for number in count():
                token = f"token-{client}-{number}-{started}"
                file.write(f"sent {token}\n")
                file.flush()
                if self._is_acknowledged(client, f"{token} and words of client {client}"):
                    file.write(f"stored {token}\n")
                    file.flush()
                if self.over.is_set():
                    return

    def _is_acknowledged(self, client: int, content: str) -> bool:
        """Send a text until it is acknowledged (true) or refused for good, or this is closed."""
        for attempt in count(client):
            port = self.ports[attempt % len(self.ports)]
            answer = self.take(partial(self._ask, port, client, content))
            if isinstance(answer, Answer) and answer.status < 500:
                return answer.status == 303
            if self.over.wait(PAUSE_SECONDS):
                return False
        raise AssertionError

    def _ask(self, port: int, client: int, content: str) -> Answer:
        body = urlencode({"content": content}).encode()
        headers = {"Content-Type": FORM, "Content-Length": str(len(body)), "User-Agent": f"client {client}"}
        return ask(port, "POST", self.path, [body], headers)


class Readers(Clients):
    """Clients that read the newest comments and the oldest, in turn."""

    def __init__(self, ports: int | Sequence[int], clients: int = 2) -> None:
        super().__init__(ports, clients)

    def run(self, client: int) -> None:
        for number in count(client):
            port = self.ports[number % len(self.ports)]
            self.take(partial(ask, port, "GET", ("/", "/?order=oldest")[number % 2]))
            if self.over.wait(PAUSE_SECONDS):
                return


def is_right(answer: Answer, also: Collection[int] = ()) -> bool:
    """Say whether an answer is success, 4xx, 503 that says when to come back, or one of `also`."""
    if answer.status == 503:
        return "Retry-After" in answer.headers
    return answer.status < 500 or answer.status in also
