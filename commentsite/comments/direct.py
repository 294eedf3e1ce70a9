"""Pages of threads made before Flask comes in, for all who have no cookie of ours.

Such a page takes nothing from its request but the address. To match that, to make objects of request and response and
to call all who want to see them takes as long as to read the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from flask import Flask, g, request
from werkzeug.http import quote_etag
from werkzeug.sansio.utils import host_is_trusted

from ..freshness import FOR_ALL, SHARED, entity_tag
from ..front import OURS, Environ, Start
from ..reading import snapshot
from ..schema import is_trusted
from . import pages, policy, queries, urls

THREADS = "/threads/"
# Fields of an address without any character that could be quoted.
QUERY = re.compile(r"(?:(?:before|after|order)=[0-9a-z-]+(?:&|$))*")
SCRIPT_NAME = re.compile(r"[\w/.~-]*", re.ASCII)
NOBODY: dict[str, Any] = {"own": {}, "typed": {}}
FAILED = "commentsite.failed"  # what went wrong here, in the environ


def init_app(app: Flask) -> None:
    """Have the pages of `app` that can be made directly made so."""
    app.wsgi_app = Direct(app)  # type: ignore[method-assign,assignment]
    app.url_value_preprocessor(raise_failure)


def raise_failure(_endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Raise what went wrong already, so that Flask answers for it and nobody waits for a database twice."""
    if FAILED in request.environ:
        raise request.environ[FAILED]


class Direct:
    """Answers for `app` what it can, as Flask would, and leaves the rest to Flask: also to say what went wrong."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.wsgi_app = app.wsgi_app
        self.is_our_host = lru_cache(maxsize=256)(lambda host: host_is_trusted(host, app.config["TRUSTED_HOSTS"] or ()))
        self.headers = [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Cache-Control", FOR_ALL),
            *app.extensions["commentsite.headers"].items(),
        ]

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        asked = self._asked(environ) if is_trusted(self.app) else None
        if asked is None:
            return self.wsgi_app(environ, start)
        try:
            with self.app.app_context(), snapshot():
                g.environ = environ
                address = environ.get("SCRIPT_NAME", "").rstrip("/") + urls.thread_path(asked.key)
                thread = queries.thread_by_key(asked.key)
                page = pages.thread_html(thread, asked, address, NOBODY)
                body = page.encode()
                tag = entity_tag(str(thread))
        except Exception as error:  # Flask has an answer for every kind
            return self.wsgi_app({**environ, FAILED: error}, start)
        if thread is not None:
            environ[SHARED] = queries.state_of(thread)
        start("200 OK", [*self.headers, ("ETag", quote_etag(tag, weak=True)), ("Content-Length", str(len(body)))])
        return [body]

    def _asked(self, environ: Environ) -> pages.Asked | None:
        """Return the page that a request asks for; None where that is not plain, and Flask has to see to it."""
        path, query = environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")
        if (
            environ["REQUEST_METHOD"] != "GET"
            or OURS in environ.get("HTTP_COOKIE", "")
            or "HTTP_IF_NONE_MATCH" in environ
            or not self.is_our_host(environ.get("HTTP_HOST", ""))
            or not SCRIPT_NAME.fullmatch(environ.get("SCRIPT_NAME", ""))
            or not QUERY.fullmatch(query)
        ):
            return None
        key, pairs = self._key(path), parse_qsl(query) if query else []
        fields = dict(pairs)
        order = fields.get("order") or self.app.config["ORDER"]
        if key is None or order not in urls.ORDERS or len(fields) < len(pairs):
            return None
        return pages.Asked(key, order, fields.get("before"), fields.get("after"))

    def _key(self, path: str) -> str | None:
        """Return the key of the thread at a path; None where there is none, or its page is at another."""
        if path == "/":
            return policy.thread_key("")
        if not path.startswith(THREADS):
            return None
        try:
            rest = path[len(THREADS) :].encode("latin-1").decode()  # PEP 3333: bytes, as characters of Latin-1
        except UnicodeError:
            return None
        key = policy.thread_key(rest)
        return key if rest and key is not None and key[1:] == rest else None
