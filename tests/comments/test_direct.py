"""Pages made before Flask are those that Flask makes, to the last header; and what is not plain is left to Flask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from werkzeug.test import EnvironBuilder, run_wsgi_app

from commentsite.comments import articles, operations, pages, queries
from commentsite.comments.direct import Direct
from tests.databases import run_sql
from tests.factories import MOMENT, make_comment, make_comments, make_replies

Answer = tuple[str, list[tuple[str, str]], bytes]

KEYS = ["/", "/blog/post", "/a&copy/'\"<b>%s%25é;=,$!*(x)+", "/über/日本 語", "/zqkeyqz", "/nothing/here"]
QUERIES = ["", "order=oldest", "order=newest", "after=0-1", "before=0-1", "order=oldest&after=1499453220000000-9"]
PREFIXES = ["", "/blog", "/a.b/~c_d-e"]
NOT_PLAIN: list[tuple[str, str, dict[str, str]]] = [
    ("/", "order=random", {}),
    ("/", "order=oldest&order=newest", {}),
    ("/", "before=", {}),
    ("/", "before=1-1&after=1-1", {}),
    ("/", "after=no-cursor", {}),
    ("/", "after=0%2D1", {}),
    ("/", "utm=1", {}),
    ("/threads/", "", {}),
    ("/threads//a", "", {}),
    ("/threads/a//b/", "", {}),
    ("/threads/a/../b", "", {}),
    ("/", "", {"PATH_INFO": "/threads/\xc3("}),
    ("/threads/%E2%80%AEa", "", {}),
    ("/threads", "", {}),
    ("/nowhere", "", {}),
    ("", "", {"PATH_INFO": ""}),
    ("/", "", {"REQUEST_METHOD": "HEAD"}),
    ("/", "", {"REQUEST_METHOD": "PUT"}),
    ("/", "", {"HTTP_IF_NONE_MATCH": "*"}),
    ("/", "", {"HTTP_COOKIE": "commentsite-own=x"}),
    ("/", "", {"HTTP_HOST": ""}),
    ("/", "", {"HTTP_HOST": "a b"}),
    ("/", "", {"SCRIPT_NAME": '/"x"'}),
]


@pytest.fixture
def direct(database: URL, make_app: Callable[..., Flask]) -> Direct:
    """A site that keeps no pages, with threads of all kinds."""
    app = make_app(database, PAGE_CACHE_MB=0, ORDER="newest")
    with app.app_context():
        for key in KEYS[:4]:
            make_replies(make_comment("100 % *sure*", thread=key, name="50 %s <b>"), range(-1, 70))
            make_replies(make_comment("fan", thread=key), [-1] * 51)
            make_comments(60, thread=key)
        make_comment("One", thread="/zqkeyqz")
        operations.close_thread("/blog/post")
    app.extensions["commentsite.schema_right_until"] = float("inf")
    assert isinstance(app.wsgi_app, Direct)
    return app.wsgi_app


def environ(address: str, prefix: str = "", query: str = "", **more: Any) -> dict[str, Any]:
    return {**EnvironBuilder(address, query_string=query).get_environ(), "SCRIPT_NAME": prefix, **more}


def answer(wsgi_app: Any, asked: dict[str, Any]) -> Answer:
    body, status, headers = run_wsgi_app(wsgi_app, dict(asked))
    return status, sorted(headers.items()), b"".join(body)


def is_direct(direct: Direct, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Say whether a request is answered without Flask, and check that Flask gives the same answer."""
    by_flask = answer(direct.wsgi_app, asked)
    flask, seen = direct.wsgi_app, []

    def watched(environ: dict[str, Any], start: Any) -> Any:
        seen.append(environ["PATH_INFO"])
        return flask(environ, start)

    with monkeypatch.context() as patch:
        patch.setattr(direct, "wsgi_app", watched)
        assert answer(direct, asked) == by_flask
    return not seen


@pytest.mark.parametrize("query", QUERIES)
def test_page_is_the_one_that_flask_makes(direct: Direct, query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in KEYS:
        address = "/" if key == "/" else f"/threads{quote(key)}"
        for prefix in PREFIXES:
            assert is_direct(direct, environ(address, prefix, query), monkeypatch), (key, prefix)


def test_what_is_not_plain_is_left_to_flask(direct: Direct, monkeypatch: pytest.MonkeyPatch) -> None:
    for address, query, more in NOT_PLAIN:
        assert not is_direct(direct, environ(address, "", query, **more), monkeypatch), (address, query, more)


def test_host_that_is_none_of_ours_gets_no_page(
    database: URL, make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(database, PAGE_CACHE_MB=0, TRUSTED_HOSTS="comments.example")
    direct = app.wsgi_app
    assert isinstance(direct, Direct)
    ours, other = environ("/", HTTP_HOST="comments.example"), environ("/", HTTP_HOST="evil.example")
    answer(direct, ours)
    assert is_direct(direct, ours, monkeypatch)
    assert not is_direct(direct, other, monkeypatch)
    assert answer(direct, other)[0].startswith("400 ")


def test_page_of_a_kind_that_was_never_made_is_the_same(direct: Direct) -> None:
    for key in KEYS:
        address = "/" if key == "/" else f"/threads{quote(key)}"
        direct.app.extensions["commentsite.frames"].clear()
        made = answer(direct, environ(address, "/blog"))
        direct.app.extensions["commentsite.frames"].clear()
        assert made == answer(direct.wsgi_app, environ(address, "/blog"))


def test_schema_that_does_not_fit_is_seen(direct: Direct, database: URL) -> None:
    run_sql(database, "DELETE FROM alembic_version")
    direct.app.extensions["commentsite.schema_right_until"] = 0.0
    assert answer(direct, environ("/"))[0].startswith("503 ")


def test_database_that_is_away_is_asked_once(direct: Direct, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def away(key: str) -> None:
        asked.append(key)
        raise OperationalError("SELECT", None, Exception("gone away"))

    monkeypatch.setattr(queries, "thread_by_key", away)
    monkeypatch.setitem(direct.app.extensions, "commentsite.schema_right_until", float("inf"))
    status, headers, body = answer(direct, environ("/"))
    assert (status[:3], len(asked)) == ("503", 1)
    assert b"does not answer just now" in body
    assert answer(direct.wsgi_app, environ("/")) == (status, headers, body)


def test_fault_of_ours_is_answered_by_flask(direct: Direct, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "thread_html", lambda *_: "\ud800")
    direct.app.config["PROPAGATE_EXCEPTIONS"] = False
    status, _, body = answer(direct, environ("/"))
    assert status.startswith("500 ")
    assert b"The fault is ours" in body


def test_comments_without_stored_html_are_shown(direct: Direct, database: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    with direct.app.app_context():
        make_comment("left \x1d in\x1e it\x1f by an older program", MOMENT)
        make_comment("", MOMENT)
        make_comment(None, MOMENT)
    run_sql(database, "UPDATE comments SET content_html = NULL, head_html = NULL, look = NULL")
    assert is_direct(direct, environ("/"), monkeypatch)
    with direct.app.app_context():
        run_sql(database, f"UPDATE comments SET content_html = content, head_html = '\x1f', look = '{articles.look()}'")
    assert is_direct(direct, environ("/"), monkeypatch)
