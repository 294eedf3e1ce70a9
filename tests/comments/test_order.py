"""Newest first and oldest first: the site's choice, the reader's in the address, and that it stays there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import URL

from commentsite.clock import utc_now
from commentsite.comments.urls import CONTEXT_COMMENTS
from commentsite.keyset import PAGE_SIZE
from tests.factories import make_comment, make_comments, make_replies

from .pages import OWN_PAGE, link, link_named, post, shown_ids, typed


@pytest.fixture
def oldest_first(database: URL, make_app: Callable[..., Flask]) -> Flask:
    """A site whose order is oldest first."""
    return make_app(database, ORDER="oldest")


def test_reader_chooses_the_order(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        ids = make_comments(3)
    page = client.get("/").text
    assert shown_ids(page) == ids[::-1]
    assert shown_ids(client.get(link_named(page, "Oldest first")).text) == ids


def test_site_chooses_the_order(oldest_first: Flask) -> None:
    with oldest_first.app_context():
        ids = make_comments(3)
    page = oldest_first.test_client().get("/").text
    assert shown_ids(page) == ids
    address = link_named(page, "Newest first")
    assert address == "/?order=newest"
    assert shown_ids(oldest_first.test_client().get(address).text) == ids[::-1]


def test_order_of_the_site_is_not_in_its_addresses(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        make_comments(60)
    assert "order=newest" not in client.get("/").text


@pytest.mark.parametrize("apart", [timedelta(0), timedelta(seconds=1)])
def test_oldest_first_walks_through_all_and_back(app: Flask, client: FlaskClient, apart: timedelta) -> None:
    with app.app_context():
        ids = make_comments(120, apart=apart)
    seen, page, address = [], "", "/?order=oldest"
    while address:
        page = client.get(address).text
        seen += shown_ids(page)
        address = link(page, "next") or ""
    assert seen == ids
    back = client.get(link(page, "prev") or "").text
    assert shown_ids(back) == ids[50:100]
    assert shown_ids(client.get(link(back, "prev") or "").text) == ids[:50]


def test_oldest_first_names_its_links(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        make_comments(60)
    page = client.get("/?order=oldest").text
    assert shown_ids(client.get(link_named(page, "Newer comments")).text)[-1] == 60
    assert "Older comments" not in page


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_permalink_stands_below_a_few_others(app: Flask, client: FlaskClient, order: str) -> None:
    with app.app_context():
        ids = make_comments(180, apart=timedelta(0))
    location = client.get(f"/comments/{ids[90]}?order={order}").location
    assert shown_ids(client.get(location).text).index(ids[90]) == CONTEXT_COMMENTS


@pytest.mark.parametrize("path", ["/", "/threads/a", "/comments/1"])
@pytest.mark.parametrize("order", ["sideways", "NEWEST", "newest%00", "%FF", "oldest;drop"])
def test_order_that_there_is_not_is_refused(client: FlaskClient, path: str, order: str) -> None:
    post(client)
    answer = client.get(f"{path}?order={order}")
    assert answer.status_code == 422
    assert "newest or oldest" in answer.text


def test_post_with_a_wrong_order_stores_nothing(client: FlaskClient) -> None:
    answer = post(client, "My text", path="/?order=sideways")
    assert (answer.status_code, typed(answer.text)) == (422, "My text")
    assert shown_ids(client.get("/").text) == []
    assert 'action="/"' in answer.text


@pytest.mark.parametrize("verb", ["edit", "delete"])
def test_change_with_a_wrong_order_changes_nothing(client: FlaskClient, verb: str) -> None:
    post(client)
    address = f"/comments/1/{verb}?order=x"
    answer = client.post(address, data={"content": "new", "revision": "1"}, headers=OWN_PAGE)
    assert answer.status_code == 422
    assert "Hello" in client.get("/").text


def test_order_stays_through_a_post(client: FlaskClient) -> None:
    page = client.get("/threads/a?order=oldest").text
    assert 'action="/threads/a?order=oldest"' in page
    assert post(client, path="/threads/a?order=oldest").location == "/threads/a?order=oldest#comment-1"


@pytest.mark.parametrize("name", ["Reply", "Edit", "Delete"])
def test_order_stays_through_the_pages_of_a_comment(client: FlaskClient, name: str) -> None:
    post(client)
    page = client.get(link_named(client.get("/?order=oldest").text, name)).text
    assert 'method="post" action="' in page
    assert "?order=oldest" in page.split('method="post" action="')[1].split('"')[0]


@pytest.mark.parametrize("place", [0, 59])
def test_order_stays_through_the_replies_of_a_branch(app: Flask, client: FlaskClient, place: int) -> None:
    with app.app_context():
        root = make_comment()
        number = make_replies(root, [-1] * 60)[place]
    page = client.get(link_named(client.get("/?order=oldest").text, "10 more replies")).text
    assert link_named(page, "Back to all comments").endswith("?order=oldest")
    assert "order=oldest" in client.get(f"/comments/{number}?order=oldest").location


def test_new_comments_of_one_moment_keep_their_order(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        ids = [make_comment(f"{n}").id for n in range(4)]
    assert shown_ids(client.get("/?order=oldest").text) == ids


def test_thread_past_the_newest_says_so(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        make_comments(3)
    page = client.get("/?order=oldest&after=9000000000000000-1").text
    assert "There are no newer comments" in page
    assert shown_ids(client.get(link_named(page, "Older comments")).text) == [1, 2, 3]


def test_post_below_a_page_of_later_comments_leads_to_where_it_stands(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        make_comments(PAGE_SIZE + 10, first=utc_now() + timedelta(days=1))
    place = post(client, "between times").headers["Location"]
    assert "?before=" in place
    assert "between times" in client.get(place).text
