"""No page is older than what was acknowledged before it was asked for, whichever process answers."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade

from commentsite.schema import TRUST_SECONDS

from .clients import FORM, ask
from .processes import Server, documented

pytestmark = pytest.mark.servers

WRITERS = 4
READERS = 2
POSTS = 20
SHOWN = re.compile(r'<article id="comment-(\d+)".*?<div class="comment-text">\s*(?:<p[^>]*>)?([^<]*)', re.DOTALL)


class Site:
    """A site under test, and what its writers were told: the text of each comment, None where it was deleted."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.told: dict[int, str | None] = {}
        self.lock = threading.Lock()

    def send(self, path: str, cookie: str = "", **fields: str) -> tuple[str, str]:
        """Post a form, again while a server that was killed gives no answer; return the place and the cookie.

        Both are empty where a comment was deleted by a server that was killed before it could say so.
        """
        body = urlencode(fields).encode()
        headers = {**FORM, "Content-Length": str(len(body)), "Sec-Fetch-Site": "same-origin", "Cookie": cookie}
        for tried in range(50):
            try:
                answer = ask(self.port, "POST", path, [body], headers)
            except (OSError, HTTPException):
                time.sleep(0.1)
                continue
            if answer.status == 404 and tried and path.endswith("/delete"):
                return "", ""
            assert answer.status == 303, answer.body
            return answer.headers["Location"], answer.headers.get("Set-Cookie", "").partition(";")[0]
        raise AssertionError("no answer")

    def tell(self, comment_id: int, text: str | None) -> None:
        with self.lock:
            self.told[comment_id] = text

    def shown(self) -> tuple[dict[int, str | None], dict[int, str]]:
        """Return what was told before the page was asked for, of comments no younger than it, and what it shows."""
        with self.lock:
            told = dict(self.told)
        for _ in range(50):
            try:
                page = ask(self.port, "GET", "/", headers={"Accept-Encoding": "identity"}).body
                return told, {int(number): text.strip() for number, text in SHOWN.findall(page)}
            except (OSError, HTTPException):
                time.sleep(0.1)
        raise AssertionError("no answer")


def write(site: Site, writer: int) -> None:
    """Post, change every third comment, delete every fifth, and look for each after every answer."""
    for number in range(POSTS):
        text = f"writer {writer} comment {number}"
        place, cookie = site.send("/", content=text)
        own = int(place.rpartition("#comment-")[2])
        site.tell(own, text)
        assert site.shown()[1].get(own) == text
        if number % 3 == 0:
            site.tell(own, None)  # while it is under way, both texts are right
            site.send(f"/comments/{own}/edit", cookie, content=f"{text} again", revision="1")
            assert site.shown()[1].get(own) == f"{text} again"
        if number % 5 == 0:
            site.tell(own, None)
            site.send(f"/comments/{own}/delete", cookie)
            assert own not in site.shown()[1]


def read(site: Site, is_over: Callable[[], bool]) -> int:
    """Read until it is over, and hold every page against what was told before; return how many were read."""
    count = 0
    while not is_over():
        told, shown = site.shown()
        oldest = min(shown, default=0)
        expected = {number: text for number, text in told.items() if text and (number >= oldest or len(shown) < 50)}
        # What was changed or deleted meanwhile may be missing; what was told and stands may not.
        later, _ = site.shown()
        still = {number: text for number, text in expected.items() if later[number] == text}
        assert {number: shown.get(number) for number in still} == still
        count += 1
    return count


@pytest.fixture
def site(settings: dict[str, str], tmp_path: Path) -> Iterator[tuple[Site, Server]]:
    with Server(documented("gunicorn"), tmp_path, settings) as server:
        yield Site(server.port), server
        assert "Traceback" not in server.log


def workers(server: Server) -> list[int]:
    """Return the process ids of the workers of a gunicorn."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [int(child) for child in children.split()]


@pytest.mark.parametrize("kills", [0, 3])
def test_pages_are_never_older_than_what_was_told(site: tuple[Site, Server], kills: int) -> None:
    told, server = site
    with ThreadPoolExecutor(WRITERS + READERS) as pool:
        writing = [pool.submit(write, told, writer) for writer in range(WRITERS)]
        reading = [pool.submit(read, told, lambda: all(each.done() for each in writing)) for _ in range(READERS)]
        for _ in range(kills):
            time.sleep(0.7)
            os.kill(workers(server)[0], signal.SIGKILL)
        for each in writing:
            each.result()
        assert all(each.result() > 0 for each in reading)
    assert len(told.told) == WRITERS * POSTS


def statuses(site: Site) -> set[int]:
    """Return what is answered to readers, of whom each worker has some."""
    return {ask(site.port, "GET", "/").status for _ in range(30)}


def test_migration_while_serving_is_seen(site: tuple[Site, Server], app: Flask) -> None:
    told, _ = site
    told.send("/", content="Hello")
    assert statuses(told) == {200}
    with app.app_context():
        downgrade(revision="-1")
    time.sleep(TRUST_SECONDS)
    assert statuses(told) == {503}
    with app.app_context():
        upgrade()
    assert statuses(told) == {200}
    place, _ = told.send("/", content="Hello again")
    assert told.shown()[1][int(place.rpartition("-")[2])] == "Hello again"
