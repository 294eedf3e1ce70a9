"""Reads by the driver: one connection a request, and errors that are SQLAlchemy's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from commentsite.comments import queries
from commentsite.db import db
from commentsite.reading import rows, snapshot
from tests.factories import make_comment, make_replies

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
