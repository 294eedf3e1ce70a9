"""Readers who want every comment: one who asks for the newest again and again, and one who pages through all."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator

from tests.servers.clients import ARTICLE, NEXT, Answer, ask

from .clients import Clients

# What a comment is told by: its id and the token its text begins with.
Seen = tuple[int, str]

POLL_SECONDS = 0.1


def on_page(page: str) -> list[Seen]:
    """Return the comments of a page in its order."""
    return [(int(number), re.sub(r"<[^>]*>", " ", markup).split()[0]) for number, markup in ARTICLE.findall(page)]


def next_page(page: str) -> str | None:
    """Return the address of the page that follows."""
    found = NEXT.search(page)
    return html.unescape(found[1]) if found else None


def paged_through(port: int, path: str = "/") -> list[Seen]:
    """Return the comments of every page from `path` on."""
    found: list[Seen] = []
    following: str | None = path
    while following:
        answer = ask(port, "GET", following)
        if answer.status != 200:
            raise RuntimeError(f"{following}: {answer.status}\n{answer.body}")
        found += on_page(answer.body)
        following = next_page(answer.body)
    return found


class Poller(Clients):
    """A program that asks for the newest comments as long as this is open, and follows the pages to one it knows.

    `seen` has what was new to it, in the order it came to know it. When this is closed it asks a last time.
    """

    def __init__(self, port: int) -> None:
        super().__init__(port, 1)
        self.seen: list[Seen] = []
        self._tag = ""

    def run(self, _client: int) -> None:
        while not self.over.wait(POLL_SECONDS):
            self.seen += reversed(list(self._news()))
        time.sleep(POLL_SECONDS)
        self.seen += reversed(list(self._news()))

    def _news(self) -> Iterator[Seen]:
        """Give what is new, newest first. Where an answer is missing, this time nothing is."""
        known = set(self.seen)
        new: list[Seen] = []
        answer = self._page("/", self._tag)
        tag = answer.headers["ETag"] if isinstance(answer, Answer) else ""
        while isinstance(answer, Answer) and answer.status == 200:
            found = on_page(answer.body)
            new += [each for each in found if each not in known]
            following = next_page(answer.body)
            if following is None or known & set(found):
                self._tag = tag
                return iter(new)
            answer = self._page(following)
        return iter(())

    def _page(self, path: str, tag: str = "") -> Answer | str:
        headers = {"If-None-Match": tag} if tag else {}
        return self.take(lambda: ask(self.ports[0], "GET", path, headers=headers))
