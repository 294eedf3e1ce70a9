"""A front before Flask: whole pages kept as they were sent, also compressed, and sent again while they are true.

A page is kept with the state its thread had when the page was made (see versions.py), and is shown again only while
the thread is in that state now. What a visitor's cookies change is never kept: such a request passes by.
"""

from __future__ import annotations

import gzip
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from typing import Any

from flask import Flask
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

from .db import db
from .freshness import SHARED
from .versions import State, Versions, versions_of

OURS = "commentsite-"  # what the names of our cookies have in them
GZIP_LEVEL, LARGE_GZIP_LEVEL = 8, 6
LEAST_LARGE_BYTES = 64 * 1024  # from there on a text made for it keeps the higher level busy for half a second
LEAST_GZIP_BYTES = 512
NOT_KEPT = frozenset({"content-length", "vary", "date", "accept-ranges"})  # true of one answer, or of one form of it
PAGE_OVERHEAD_BYTES = 2048  # of headers, keys and the objects around them

Environ = dict[str, Any]
Start = Callable[..., Any]
Headers = list[tuple[str, str]]
Key = tuple[str, str, str, str]


class Page:
    """A page as it is sent: its headers and its body, plain and compressed, and what it depends on."""

    def __init__(self, headers: Headers, body: bytes, thread_id: int | None, state: State | None) -> None:
        common = [(name, value) for name, value in headers if name.lower() not in NOT_KEPT]
        common.append(("Vary", "Accept-Encoding"))
        self.thread_id, self.state = thread_id, state
        self.body = body
        self.headers = [*common, ("Content-Length", str(len(body)))]
        self.headers_unchanged = [each for each in common if each[0].lower() != "content-type"]
        self.common = common
        self.tag = next(value.removeprefix("W/") for name, value in headers if name.lower() == "etag")
        # Compressed it is about a quarter; for what is smaller than LEAST_GZIP_BYTES that is no gain.
        self.size = len(body) + len(body) // 4 + PAGE_OVERHEAD_BYTES

    @cached_property
    def compressed(self) -> tuple[Headers, bytes]:
        """Headers and body for those who take gzip, made for the first of them."""
        level = GZIP_LEVEL if len(self.body) < LEAST_LARGE_BYTES else LARGE_GZIP_LEVEL
        body = gzip.compress(self.body, level, mtime=0)
        return [*self.common, ("Content-Encoding", "gzip"), ("Content-Length", str(len(body)))], body

    def answer(self, environ: Environ, start: Start) -> Iterable[bytes]:
        """Answer a request with this page, or that it is the one that the browser holds."""
        held = environ.get("HTTP_IF_NONE_MATCH")
        if held and self.tag in held:
            start("304 NOT MODIFIED", self.headers_unchanged)
            return []
        headers, body = self.headers, self.body
        if len(body) >= LEAST_GZIP_BYTES and takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")):
            headers, body = self.compressed
        start("200 OK", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def init_app(app: Flask) -> None:
    """Put a front before `app` unless PAGE_CACHE_MB is 0."""
    most_bytes = app.config["PAGE_CACHE_MB"] * 1024 * 1024
    with app.app_context():
        versions = versions_of(db.engine)
    if most_bytes and versions is not None:
        app.wsgi_app = Front(app.wsgi_app, versions, most_bytes)  # type: ignore[method-assign,assignment]


class Front:
    """The pages of one process, no more than `most_bytes` of them: the one not asked for longest goes first."""

    def __init__(
        self, wsgi_app: Callable[[Environ, Start], Iterable[bytes]], versions: Versions, most_bytes: int
    ) -> None:
        self.wsgi_app = wsgi_app
        self.versions = versions
        self.most_bytes = most_bytes
        self.pages: OrderedDict[Key, Page] = OrderedDict()
        self.bytes = 0
        self.lock = threading.Lock()

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD") or OURS in environ.get("HTTP_COOKIE", ""):
            return self.wsgi_app(environ, start)
        key = (
            environ.get("HTTP_HOST", ""),
            environ.get("SCRIPT_NAME", ""),
            environ.get("PATH_INFO", ""),
            environ.get("QUERY_STRING", ""),
        )
        page = self.pages.get(key)
        if page is None or not self._is_true(page):
            return self._made(key, environ, start)
        with self.lock:
            if key in self.pages:
                self.pages.move_to_end(key)
        return page.answer(environ, start)

    def _is_true(self, page: Page) -> bool:
        return page.thread_id is None or self.versions.state(page.thread_id) == page.state

    def _made(self, key: Key, environ: Environ, start: Start) -> Iterable[bytes]:
        """Have the app answer, and keep what it made if that is a page for everyone."""
        is_head = environ["REQUEST_METHOD"] == "HEAD"
        # A page is made whole for HEAD too, so that its lengths are those of GET.
        asked = {**environ, "REQUEST_METHOD": "GET"}
        begun: list[Any] = []

        def begin(*arguments: Any) -> Callable[[bytes], object]:
            begun[:] = arguments
            return _no_write

        answer = self.wsgi_app(asked, begin)
        shared = asked.get(SHARED)
        if shared is None or not begun[0].startswith("200 "):
            start(*begun)
            return _closed(answer) if is_head else answer
        body = b"".join(answer)
        _closed(answer)
        page = Page(begun[1], body, *shared)
        self._keep(key, page)
        return page.answer(environ, start)

    def _keep(self, key: Key, page: Page) -> None:
        with self.lock:
            replaced = self.pages.pop(key, None)
            self.pages[key] = page
            self.bytes += page.size - (replaced.size if replaced else 0)
            while self.bytes > self.most_bytes:
                _, dropped = self.pages.popitem(last=False)
                self.bytes -= dropped.size


def _closed(answer: Iterable[bytes]) -> list[bytes]:
    close = getattr(answer, "close", None)
    if close is not None:
        close()
    return []


def _no_write(_data: bytes) -> object:
    raise NotImplementedError("Flask does not write this way")


@lru_cache(maxsize=256)
def takes_gzip(accepted: str) -> bool:
    """Say whether a client with this Accept-Encoding wants gzip rather than plain text."""
    return bool(parse_accept_header(accepted, Accept)["gzip"])
