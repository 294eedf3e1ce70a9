"""The clock jumps back an hour between two posts: order and cursors hold, and nothing is hidden or doubled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import URL

from commentsite.comments import cookies, operations, policy, views
from tests.comments.pages import article, delete, edit, link, post, shown_ids

from .clients import stored_texts

pytestmark = pytest.mark.faults

BEFORE = AFTER = 30  # posts before and after the jump: together more than a page
MOMENT = datetime(2026, 10, 25, 2, 30, tzinfo=timezone.utc)


@pytest.fixture
def jump(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have a clock that stands still, and return what sets it back."""

    def set_clock(back: timedelta = timedelta(0)) -> None:
        now = MOMENT - back
        for room in (operations, cookies, views):
            monkeypatch.setattr(room, "utc_now", lambda: now)
        monkeypatch.setattr("itsdangerous.timed.time.time", now.timestamp)

    set_clock()
    return set_clock


@pytest.fixture
def set_back(jump: Callable[..., None], app: Flask) -> FlaskClient:
    """A reader of a site whose clock jumped back an hour between two of its posts."""
    writer = app.test_client()
    for number in range(BEFORE + AFTER):
        if number == BEFORE:
            jump(timedelta(hours=1))
        assert post(writer, f"number {number + 1}").status_code == 303
    return app.test_client()


def paged(client: FlaskClient, address: str | None, rel: str = "next") -> list[list[int]]:
    """Return the ids on each page from `address` along its links."""
    pages = []
    while address:
        page = client.get(address).text
        pages.append(shown_ids(page))
        address = link(page, rel)
    return pages


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_every_comment_is_paged_to_once_in_the_order_of_posting(set_back: FlaskClient, order: str) -> None:
    found = [number for page in paged(set_back, f"/?order={order}") for number in page]
    assert found == sorted(range(1, BEFORE + AFTER + 1), reverse=order == "newest")


@pytest.mark.parametrize("number", [1, BEFORE, BEFORE + 1, BEFORE + AFTER])
def test_own_address_of_each_comment_leads_to_it(set_back: FlaskClient, number: int) -> None:
    location = set_back.get(f"/comments/{number}").location
    assert number in shown_ids(set_back.get(location).text)


def test_answer_leads_to_the_comment(app: Flask, jump: Callable[..., None]) -> None:
    client = app.test_client()
    post(client, "before")
    jump(timedelta(hours=1))
    location = post(client, "after").location
    assert shown_ids(client.get(location).text) == [2, 1]


def test_who_asks_for_news_gets_them(app: Flask, client: FlaskClient, jump: Callable[..., None]) -> None:
    reader = app.test_client()
    post(client, "before")
    held = reader.get("/").headers["ETag"]
    assert reader.get("/", headers={"If-None-Match": held}).status_code == 304
    jump(timedelta(hours=1))
    post(client, "after")
    news = reader.get("/", headers={"If-None-Match": held})
    assert (news.status_code, shown_ids(news.text)[0]) == (200, 2)


def test_writer_may_still_change_what_was_posted_before(client: FlaskClient, jump: Callable[..., None]) -> None:
    post(client, "before")
    post(client, "also before")
    jump(timedelta(hours=1))
    assert edit(client, 1, "changed").status_code == 303
    assert delete(client, 2).status_code == 303
    assert "changed" in article(client.get("/").text, 1)


def test_cookie_of_before_is_kept_by_a_post_after(client: FlaskClient, jump: Callable[..., None]) -> None:
    post(client, "before")
    jump(timedelta(hours=1))
    post(client, "after")
    assert [edit(client, number, "changed").status_code for number in (1, 2)] == [303, 303]


def test_post_sent_again_after_the_jump_is_one(database: URL, app: Flask, jump: Callable[..., None]) -> None:
    post(app.test_client(), "the same")
    jump(timedelta(hours=1))
    assert post(app.test_client(), "the same").location.endswith("#comment-1")
    assert stored_texts(database) == ["the same"]


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [
        (timedelta(seconds=-1), MOMENT),
        (timedelta(0), MOMENT + timedelta(microseconds=1)),
        (timedelta(hours=1), MOMENT + timedelta(hours=1, microseconds=1)),
        (timedelta(days=9000), MOMENT),  # a clock that was wrong by years does not set the time for years
    ],
)
def test_time_goes_on_from_the_newest(ahead: timedelta, expected: datetime) -> None:
    assert policy.time_to_post(MOMENT, MOMENT + ahead) == expected
