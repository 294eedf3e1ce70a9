"""Pages of comments: their order, and that each costs the same wherever it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text

from commentsite.comments import queries
from commentsite.comments.models import Comment
from commentsite.comments.operations import add_comments
from commentsite.comments.queries import comments_in
from commentsite.db import db
from commentsite.errors import NotFound
from commentsite.keyset import PAGE_SIZE, Page, Position
from tests.factories import MOMENT, make_comments

ROWS = 20_000


def ids(page: Page[Comment]) -> list[int]:
    return [comment.id for comment in page.rows]


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """Collect the statements that reach the database."""
    seen: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("apart", [timedelta(0), timedelta(microseconds=1), timedelta(days=1)])
def test_pages_in_both_directions_hold_every_comment_once(app: Flask, apart: timedelta) -> None:
    with app.app_context():
        numbers = make_comments(2 * PAGE_SIZE + 7, apart=apart)
        page = comments_in("/").newest_page()
        seen = ids(page)
        while page.older:
            page = comments_in("/").page_before(page.older)
            seen += ids(page)
        assert seen == numbers[::-1]
        assert page.newer
        assert ids(comments_in("/").page_after(page.newer)) == seen[PAGE_SIZE : 2 * PAGE_SIZE]


def test_page_of_exactly_the_size_has_no_older_one(app: Flask) -> None:
    with app.app_context():
        make_comments(PAGE_SIZE)
        assert comments_in("/").newest_page().older is None


def test_comments_that_come_between_do_not_move_a_page(app: Flask) -> None:
    with app.app_context():
        numbers = make_comments(PAGE_SIZE + 5)
        older = comments_in("/").newest_page().older
        assert older
        make_comments(10, first=MOMENT + timedelta(days=9))
        assert ids(comments_in("/").page_before(older)) == numbers[4::-1]


def test_comment_by_id_raises_not_found(app: Flask) -> None:
    with app.app_context(), pytest.raises(NotFound):
        queries.comment_by_id(7)


@pytest.mark.parametrize("address", ["/", "/?before=1499453220000000-9", "/?after=1499453220000000-9"])
def test_page_is_one_statement_without_count_or_offset(app: Flask, client: FlaskClient, address: str) -> None:
    with app.app_context():
        make_comments(PAGE_SIZE * 3, apart=timedelta(0))
    client.get("/")  # looks at the schema, which is then taken to be right for a while
    with statements(app) as seen:
        assert client.get(address).status_code == 200
    asked = [statement for statement in seen if not statement.startswith("BEGIN")]
    assert len(asked) == 1
    # SQLite has no LIMIT without its OFFSET in SQLAlchemy's writing; it is 0.
    assert not re.search(r"count\(|OFFSET (?!\?)", asked[0], re.IGNORECASE)


def test_post_is_five_statements(app: Flask, client: FlaskClient) -> None:
    client.get("/")
    with statements(app) as seen:
        client.post("/", data={"content": "Hello"})
    asked = [statement.split()[0] for statement in seen if not statement.startswith("BEGIN")]
    assert asked == ["SELECT", "INSERT", "UPDATE", "SELECT", "SELECT"]


@pytest.fixture(params=[timedelta(0), timedelta(seconds=1)], ids=["one moment", "many moments"])
def long_thread(app: Flask, request: pytest.FixtureRequest) -> Flask:
    """An app with many comments, of one moment as an upgrade leaves them, or of many as visitors do."""
    with app.app_context():
        add_comments((f"comment {n}", MOMENT + n * request.param) for n in range(ROWS))
        if db.engine.dialect.name == "mysql":
            db.session.execute(text("ANALYZE TABLE comments"))
    return app


def middle_of(app: Flask) -> Position:
    with app.app_context():
        return comments_in("/").position(queries.comment_by_id(ROWS // 2))


def rows_examined(work: Callable[[], object]) -> int:
    """Return how many rows MySQL read for `work`, by its own counters."""
    db.session.execute(text("FLUSH STATUS"))
    work()
    counters = db.session.execute(text("SHOW SESSION STATUS LIKE 'Handler_read%'")).all()
    return sum(int(value) for _, value in counters)


def test_middle_page_examines_no_more_rows_than_a_few_pages(long_thread: Flask, backend: str) -> None:
    middle = middle_of(long_thread)
    with long_thread.app_context():
        if backend == "mysql":
            for read in (comments_in("/").page_before, comments_in("/").page_after):
                assert rows_examined(lambda read=read: read(middle)) < 10 * PAGE_SIZE  # type: ignore[misc]
        else:
            assert steps_of(lambda: comments_in("/").page_before(middle)) < 200 * PAGE_SIZE
            assert steps_of(lambda: comments_in("/").page_after(middle)) < 200 * PAGE_SIZE


def steps_of(work: Callable[[], object]) -> int:
    """Return about how many instructions of its machine SQLite ran for `work`."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 100
        return 0

    driver = db.session.connection().connection.driver_connection
    assert driver is not None
    driver.set_progress_handler(count, 100)
    work()
    driver.set_progress_handler(None, 0)
    return steps


def test_middle_page_asks_the_index_of_the_order(long_thread: Flask, backend: str) -> None:
    with statements(long_thread) as seen, long_thread.app_context():
        comments_in("/").page_before(Position(MOMENT, 1))
    asked = seen[-1]
    assert ("FORCE INDEX (ix_comments_thread_id_posted_id)" in asked) == (backend == "mysql")
