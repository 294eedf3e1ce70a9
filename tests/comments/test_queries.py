"""Pages of comments: their order, and that each costs the same wherever it is."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask

from commentsite.comments import queries
from commentsite.comments.queries import ROOTS, Shown
from commentsite.errors import NotFound
from commentsite.keyset import PAGE_SIZE, Page, Position
from tests.factories import MOMENT, make_comments

from .costs import is_cheap, note_sizes
from .pages import statements

ROWS = 20_000


FIRST_THREAD: dict[str, Any] = {"thread_id": 1, "look": ""}


def ids(page: Page[Shown]) -> list[int]:
    return [comment.id for comment in page.rows]


@pytest.mark.parametrize("apart", [timedelta(0), timedelta(microseconds=1), timedelta(days=1)])
def test_pages_in_both_directions_hold_every_comment_once(app: Flask, apart: timedelta) -> None:
    with app.app_context():
        numbers = make_comments(2 * PAGE_SIZE + 7, apart=apart)
        page = ROOTS.first_page(**FIRST_THREAD)
        seen = ids(page)
        while page.older:
            page = ROOTS.page_onward(page.older, **FIRST_THREAD)
            seen += ids(page)
        assert seen == numbers[::-1]
        assert page.newer
        assert ids(ROOTS.page_back(page.newer, **FIRST_THREAD)) == seen[PAGE_SIZE : 2 * PAGE_SIZE]


def test_page_of_exactly_the_size_has_no_older_one(app: Flask) -> None:
    with app.app_context():
        make_comments(PAGE_SIZE)
        assert ROOTS.first_page(**FIRST_THREAD).older is None


def test_comments_that_come_between_do_not_move_a_page(app: Flask) -> None:
    with app.app_context():
        numbers = make_comments(PAGE_SIZE + 5)
        older = ROOTS.first_page(**FIRST_THREAD).older
        assert older
        make_comments(10, first=MOMENT + timedelta(days=9))
        assert ids(ROOTS.page_onward(older, **FIRST_THREAD)) == numbers[4::-1]


def test_comment_by_id_raises_not_found(app: Flask) -> None:
    with app.app_context(), pytest.raises(NotFound):
        queries.comment_by_id(7)


@pytest.fixture(params=[timedelta(0), timedelta(seconds=1)], ids=["one moment", "many moments"])
def long_thread(app: Flask, request: pytest.FixtureRequest) -> Flask:
    """An app with many comments, of one moment as an upgrade leaves them, or of many as visitors do."""
    with app.app_context():
        make_comments(ROWS, apart=request.param)
        note_sizes()
    return app


def middle_of(app: Flask) -> Position:
    with app.app_context():
        return ROOTS.position(queries.comment_by_id(ROWS // 2))


def test_middle_page_examines_no_more_rows_than_a_few_pages(long_thread: Flask) -> None:
    middle = middle_of(long_thread)
    with long_thread.app_context():
        for oldest_first in (False, True):
            for read in (ROOTS.page_onward, ROOTS.page_back):
                ask = partial(read, middle, oldest_first=oldest_first, **FIRST_THREAD)
                assert is_cheap(ask)


def test_middle_page_asks_the_index_of_the_order(long_thread: Flask, backend: str) -> None:
    with statements(long_thread) as seen, long_thread.app_context():
        ROOTS.page_onward(Position(MOMENT, 1), **FIRST_THREAD)
    asked = seen[-1]
    assert ("FORCE INDEX (ix_comments_thread_id_root_id_posted_id)" in asked) == (backend == "mysql")
