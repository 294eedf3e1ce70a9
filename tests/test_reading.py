"""Reads by the driver: one connection a request, and errors that are SQLAlchemy's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from commentsite.comments import articles, operations, queries
from commentsite.comments.operations import rerender_comments
from commentsite.db import db
from commentsite.keyset import moment_of, moment_text
from commentsite.reading import rows, snapshot
from tests.databases import run_sql
from tests.factories import MOMENT, make_comment, make_comments, make_replies

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def narrow(database: URL, make_app: Callable[..., Flask]) -> Flask:
    """A site with one connection, and one comment whose HTML was never made."""
    options = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 1}
    app = make_app(database, SQLALCHEMY_ENGINE_OPTIONS=options)
    with app.app_context():
        make_replies(make_comment(), range(-1, 60))
        db.session.remove()
    return app


def test_no_page_needs_two_connections(narrow: Flask) -> None:
    client = narrow.test_client()
    paths = ["/", "/threads", "/comments/1/replies", "/comments/1", "/comments/30", "/comments/1/reply"]
    assert [client.get(path).status_code for path in paths] == [200, 200, 200, 302, 302, 200]


def test_no_change_needs_two_connections(narrow: Flask) -> None:
    client: FlaskClient = narrow.test_client()
    location = client.post("/", data={"content": "reply", "parent": "1"}).location
    number = location.rpartition("#comment-")[2]
    for path, fields in (("edit", {"content": "new", "revision": "1"}), ("delete", {})):
        assert client.get(f"/comments/{number}/{path}").status_code == 200
        assert client.post(f"/comments/{number}/{path}", data=fields, headers=SAME_ORIGIN).status_code == 303


def test_rows_of_a_snapshot_are_of_one_moment(app: Flask) -> None:
    with app.app_context():
        make_comment()
        db.session.remove()
        with snapshot():
            before = queries.thread_by_key("/")
            app.test_client().post("/", data={"content": "meanwhile"})
            assert queries.thread_by_key("/") == before
        assert queries.thread_by_key("/") != before


def test_error_of_the_driver_is_one_of_sqlalchemy(app: Flask) -> None:
    with app.app_context(), pytest.raises(DBAPIError):
        rows(text("SELECT nothing FROM nowhere"), {})


def test_columns_that_come_in_one_are_those_that_come_apart(app: Flask, database: URL) -> None:
    with app.app_context():
        root = make_comment("last \x1d column", thread="/über", name="Ærø 日本")
        reply_id = make_replies(root, range(-1, 9))[0]
        make_comments(3, thread="/über")
        make_comment("", MOMENT, thread="/empty")
        make_comment(None, MOMENT, thread="/none")
        root_id, in_thread = root.id, root.thread_id
        rerender_comments(0, 100)
        run_sql(database, f"UPDATE comments SET content_html = content WHERE id = {root_id}")
        run_sql(database, f"UPDATE comments SET deleted = posted WHERE id = {reply_id}")
        operations.close_thread("/über")
        db.session.remove()
        thread_id = {"thread_id": in_thread, "look": articles.look()}
        beside = {"moment": moment_text(MOMENT), "number": root_id + 1, "limit": 9}
        below = {"root_id": root_id, "path": "zzz", "limit": 9, "look": articles.look()}
        asked: list[tuple[Any, dict[str, Any]]] = [
            (queries._THREAD_BY_KEY, {"key": "/über"}),
            (queries._THREAD_BY_KEY, {"key": "/none"}),
            (queries.ROOTS._from_the_end(False), {**thread_id, "limit": 9}),
            (queries.ROOTS._beside(True), {**thread_id, **beside, "number": 0}),
            (queries.ROOTS._beside(False), {**thread_id, **beside}),
            (queries.THREADS._from_the_end(True), {"limit": 9}),
            (queries.THREADS._beside(False), {**beside, "moment": "2030-01-01 00:00:00.000000"}),
            (queries._REPLIES_BEFORE, below),
            (queries._by_ids(2), {"id_0": root_id, "id_1": reply_id, "look": articles.look()}),
        ]
        for statement, values in asked:
            apart, packed = rows(statement, values), rows(statement, values, is_packed=True)
            assert [list(map(_plain, row)) for row in packed] == [list(map(_plain, row)) for row in apart]
            assert packed


def _plain(value: Any) -> Any:
    return moment_text(moment_of(value)) if isinstance(value, datetime) else value or None
