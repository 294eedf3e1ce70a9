"""Posting, also many at once and while the database refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import IntegrityError, OperationalError

from commentsite import writing
from commentsite.clock import utc_now
from commentsite.comments import articles, operations, tree
from commentsite.comments.forms import CommentDraft
from commentsite.comments.markup import Rendered
from commentsite.comments.models import Comment
from commentsite.comments.operations import Addition, add_comments, post_comment
from commentsite.comments.policy import DOUBLE_POST_MINUTES
from commentsite.db import db
from tests.factories import MOMENT

WRITERS = 8


def post(app: Flask, content: str, sender: str = "alice", thread: str = "/") -> int:
    with app.app_context():
        return post_comment(CommentDraft(content), thread_key=thread, sender=sender, secret="s").id


def count(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(Comment)) or 0


def test_post_commits(app: Flask) -> None:
    number = post(app, "Hello")
    with app.app_context():
        assert db.session.get_one(Comment, number).content == "Hello"


def test_post_by_eight_at_once_stores_each_once(app: Flask) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        numbers = list(pool.map(lambda n: post(app, f"comment {n}"), range(80)))
    assert len(set(numbers)) == count(app) == 80


def test_post_of_one_text_by_eight_at_once_stores_one(app: Flask) -> None:
    barrier = threading.Barrier(WRITERS)

    def post_with_the_others(_: int) -> int:
        barrier.wait()
        return post(app, "Once")

    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in range(5):
            assert len(set(pool.map(post_with_the_others, range(WRITERS)))) == 1
    assert count(app) == 1


def test_first_post_of_a_thread_by_eight_at_once_stores_one(app: Flask) -> None:
    barrier = threading.Barrier(WRITERS)

    def post_with_the_others(thread: str) -> int:
        barrier.wait()
        return post(app, "Once", thread=thread)

    with ThreadPoolExecutor(WRITERS) as pool:
        for n in range(5):
            assert len(set(pool.map(post_with_the_others, [f"/new/{n}"] * WRITERS))) == 1
    assert count(app) == 5


def test_post_after_the_window_is_another(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "utc_now", lambda: MOMENT)
    first = post(app, "Again")
    monkeypatch.setattr(operations, "utc_now", lambda: MOMENT + timedelta(minutes=2 * DOUBLE_POST_MINUTES))
    assert post(app, "Again") != first


def test_post_across_the_border_of_a_window_is_one(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    border = MOMENT.replace(minute=40)  # a window of twenty minutes ends here, another is in its middle
    monkeypatch.setattr(operations, "utc_now", lambda: border - timedelta(microseconds=1))
    first = post(app, "Once")
    monkeypatch.setattr(operations, "utc_now", lambda: border)
    assert post(app, "Once") == first


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each post written by itself, as those are that could not be written with others."""
    monkeypatch.setattr(operations.POSTS, "write", lambda _run, roots: [None for _ in roots])


def refuse_once(monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception]) -> list[str]:
    """Have the next flush fail with `error`; return a list that grows with each flush."""
    flushes: list[str] = []
    flush = db.session.flush

    def flush_or_refuse() -> None:
        flushes.append("flush")
        if len(flushes) == 1:
            raise error()
        flush()

    monkeypatch.setattr(db.session, "flush", flush_or_refuse)
    return flushes


@pytest.mark.parametrize("reason", [(1213, "Deadlock found"), (2013, "Lost connection"), ("database is locked",)])
@pytest.mark.usefixtures("alone")
def test_post_refused_for_a_passing_reason_is_tried_again(
    app: Flask, monkeypatch: pytest.MonkeyPatch, reason: tuple[object, ...]
) -> None:
    flushes = refuse_once(monkeypatch, lambda: OperationalError("INSERT", {}, Exception(*reason)))
    post(app, "Hello")
    assert (len(flushes), count(app)) == (2, 1)


@pytest.mark.usefixtures("alone")
def test_post_refused_for_another_reason_is_not_tried_again(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    flushes = refuse_once(monkeypatch, lambda: OperationalError("INSERT", {}, Exception(1142, "denied")))
    with pytest.raises(OperationalError):
        post(app, "Hello")
    assert len(flushes) == 1


@pytest.mark.usefixtures("alone")
def test_post_refused_for_ever_gives_up(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commentsite.db.RETRY_SECONDS", 0.2)
    locked = OperationalError("INSERT", {}, Exception("database is locked"))
    monkeypatch.setattr(db.session, "flush", lambda: (_ for _ in ()).throw(locked))
    with pytest.raises(OperationalError):
        post(app, "Hello")
    assert count(app) == 0


@pytest.mark.usefixtures("alone")
def test_post_refused_by_a_key_that_nobody_has_says_so(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = IntegrityError("INSERT", {}, Exception("another constraint"))
    monkeypatch.setattr(db.session, "flush", lambda: (_ for _ in ()).throw(broken))
    with pytest.raises(IntegrityError):
        post(app, "Hello")


def test_add_comments_keeps_text_and_time(app: Flask) -> None:
    with app.app_context():
        add_comments([Addition("one", MOMENT), Addition("two", MOMENT)])
        rows = db.session.execute(select(Comment.content, Comment.posted, Comment.post_key)).all()
    assert [tuple(row) for row in rows] == [("one", MOMENT, None), ("two", MOMENT, None)]


@pytest.mark.parametrize("reason", [(1213, "Deadlock found"), ("database is locked",)])
def test_post_refused_with_others_is_tried_again_alone(
    app: Flask, monkeypatch: pytest.MonkeyPatch, reason: tuple[object, ...]
) -> None:
    refused = OperationalError("INSERT", {}, Exception(*reason))
    monkeypatch.setattr(operations.POSTS, "write", lambda *_: (_ for _ in ()).throw(refused))
    post(app, "Hello")
    assert count(app) == 1


def test_post_that_is_there_already_is_found_after_it_was_refused_with_others(app: Flask) -> None:
    first = post(app, "Once")
    assert (post(app, "Once"), count(app)) == (first, 1)


@pytest.mark.parametrize("pattern", ["Posted %H:%M:%S", "Posted %H:%M:%S.%f"])
def test_time_shown_is_that_of_the_turn_to_write(
    database: URL, make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    app = make_app(database, TIMESTAMP_FORMAT=pattern)
    times = (MOMENT + timedelta(milliseconds=700 * n) for n in range(9))
    monkeypatch.setattr(operations, "utc_now", lambda: next(times))
    post(app, "Hello")  # which begins the thread
    number = post(app, "Hello again")
    with app.app_context():
        comment = db.session.get_one(Comment, number)
        assert articles.head_html(comment) == comment.head_html


def test_post_to_a_closed_thread_leaves_those_written_with_it(app: Flask) -> None:
    words = dict.fromkeys(("content", "name", "email", "website", "mark"))
    html = Rendered("<p>x</p>", "1")
    with app.app_context():
        operations.close_thread("/closed")
        posts = [operations._Post(key, None, words, html, lambda _, key=key: (key, key)) for key in ("/closed", "/")]  # type: ignore[misc]
        roots = [operations._root(each) for each in posts]
        with writing.transaction(db.engine) as run:
            stored = tree.add_roots(run, roots, utc_now)
    assert [each is None for each in stored] == [True, False]
    assert count(app) == 1
