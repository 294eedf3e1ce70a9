"""What pages and posts cost: few statements, and each reads as much as a page holds, however long the thread is."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from commentsite.comments import queries, tree, urls
from commentsite.comments.models import Comment
from commentsite.comments.operations import delete_comment, rerender_comments
from commentsite.db import db
from commentsite.keyset import PAGE_SIZE
from tests.factories import MOMENT, make_comment, make_comments, make_replies, the_comment

from .costs import is_cheap, note_sizes
from .pages import OWN_PAGE, delete, edit, link_named, post, statements

MANY = 10_000
MIDDLE = "1499453220000000-9"


def asked(app: Flask, work: Callable[[], object]) -> list[str]:
    """Return the first words of the statements that `work` leads to."""
    app.extensions["commentsite.schema_right_until"] = math.inf  # it is looked at once a second
    with statements(app) as seen:
        work()
    return [statement.split()[0] for statement in seen]


@pytest.mark.parametrize("address", ["/", f"/?before={MIDDLE}", f"/?after={MIDDLE}", f"/?order=oldest&after={MIDDLE}"])
def test_flat_page_is_two_statements_without_count_or_offset(app: Flask, client: FlaskClient, address: str) -> None:
    with app.app_context():
        make_comments(PAGE_SIZE * 3, apart=timedelta(0))
        rerender_comments(0, 1000)
    app.extensions["commentsite.schema_right_until"] = math.inf
    with statements(app) as seen:
        assert client.get(address).status_code == 200
    assert len(seen) <= 2  # the thread and its comments
    # SQLite has no LIMIT without its OFFSET in SQLAlchemy's writing; it is 0.
    assert not re.search(r"count\(|OFFSET (?!\?)", seen[-1], re.IGNORECASE)


@pytest.mark.parametrize("address", ["/", "/?order=oldest"])
def test_page_with_replies_is_three_statements(app: Flask, client: FlaskClient, address: str) -> None:
    with app.app_context():
        for _ in range(30):
            make_replies(make_comment(), [-1, 0, 1, 2, 3, 4, 5])
        rerender_comments(0, 1000)
    assert len(asked(app, lambda: client.get(address))) <= 3


def test_page_of_replies_is_five_statements(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        make_replies(make_comment(), range(-1, 150))
        rerender_comments(0, 1000)
    address = link_named(client.get("/").text, "101 more replies")
    for path in ("/comments/1/replies", address):
        assert len(asked(app, lambda path=path: client.get(path))) <= 5  # type: ignore[misc]


@pytest.mark.parametrize(("number", "most"), [(1, 3), (2, 6), (150, 6)])
def test_permalink_is_a_few_statements(app: Flask, client: FlaskClient, number: int, most: int) -> None:
    with app.app_context():
        make_replies(make_comment(), range(-1, 150))
        make_comments(100, first=MOMENT + timedelta(days=1))
    assert len(asked(app, lambda: client.get(f"/comments/{number}"))) <= most


def test_page_that_is_still_true_is_one_statement(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        make_comments(PAGE_SIZE)
        rerender_comments(0, 1000)
    held = {"If-None-Match": client.get("/").headers["ETag"]}
    assert len(asked(app, lambda: client.get("/", headers=held))) <= 1


def test_post_is_three_statements(app: Flask, client: FlaskClient) -> None:
    assert asked(app, lambda: post(client)) == ["SELECT", "INSERT", "UPDATE"]


def test_reply_writes_three_rows(app: Flask, client: FlaskClient) -> None:
    post(client)
    words = asked(app, lambda: post(client, "reply", parent="1"))
    assert words.count("INSERT") == 1
    assert words.count("UPDATE") == 3  # its place, the count of the branch, the thread
    assert len(words) <= 11


def test_edit_and_delete_are_a_few_statements(app: Flask, client: FlaskClient) -> None:
    post(client)
    assert len(asked(app, lambda: edit(client, 1, "new"))) <= 10
    assert len(asked(app, lambda: delete(client, 1))) <= 10


def test_preview_asks_nothing(app: Flask, client: FlaskClient) -> None:
    assert asked(app, lambda: client.post("/", data={"content": "x", "preview": "y"}, headers=OWN_PAGE)) == []


@pytest.fixture(params=["chain", "fan"])
def large(app: Flask, request: pytest.FixtureRequest) -> Flask:
    """A site with a branch of many replies, the comment 1, among as many comments and other branches."""
    with app.app_context():
        make_replies(make_comment(), range(-1, MANY - 1) if request.param == "chain" else [-1] * MANY)
        make_comments(MANY, apart=timedelta(0))
        for _ in range(3):
            make_replies(make_comment(), [-1] * 100)
        note_sizes()
    return app


def path_of(number: int) -> str:
    return the_comment(number).path or ""


READS: dict[str, Callable[[], object]] = {
    "first replies of one": lambda: queries.first_replies([1], 50, ""),
    "first replies of many": lambda: queries.first_replies([1, *range(MANY + 2, MANY + 21)], 5, ""),
    "replies after the middle": lambda: queries.replies_after(1, path_of(MANY // 2), PAGE_SIZE + 1, ""),
    "replies before the middle": lambda: queries.replies_before(1, path_of(MANY // 2), PAGE_SIZE + 1, ""),
    "replies before the last": lambda: queries.replies_before(1, path_of(MANY), PAGE_SIZE + 1, ""),
    "has replies": lambda: tree.has_replies(db.session, 1),
    "has no replies": lambda: tree.has_replies(db.session, MANY + 1),
    "some comments": lambda: queries.sources_of(range(2, MANY, MANY // 50)),
    "comments": lambda: queries.ROOTS.first_page(thread_id=1, look=""),
    "comments, oldest first": lambda: queries.ROOTS.first_page(oldest_first=True, thread_id=1, look=""),
    "comment of a key": lambda: queries.comment_by_post_keys("x", "y"),
    "newest after a delete": lambda: tree.uncount(db.session, 1),
    "permalink": lambda: urls.place_url(the_comment(MANY // 2), "newest"),
    "stale comments": lambda: queries.stale_comments(MANY, PAGE_SIZE, "other", "other"),
}


def test_reads_in_a_large_thread_are_cheap(large: Flask) -> None:
    with large.test_request_context():
        assert [name for name, read in READS.items() if not is_cheap(read)] == []


def test_delete_of_the_last_of_a_deep_branch_is_cheap(large: Flask) -> None:
    with large.app_context():
        assert is_cheap(lambda: delete_comment(MANY + 1, window_minutes=10**8))
        assert db.session.get(Comment, MANY + 1) is None
