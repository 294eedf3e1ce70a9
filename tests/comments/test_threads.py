"""Threads: one conversation for each page of a site, kept apart, listed by their latest comment."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.engine import URL

from commentsite.comments.models import Thread
from commentsite.db import db
from tests.factories import MOMENT, make_comment, make_comments

from .pages import link, shown_ids, statements, stored, typed


def listed(page: str) -> list[str]:
    return [unescape(key) for key in re.findall(r'<p class="thread-key"><a [^>]*><bdi>(.*?)</bdi>', page)]


def thread(app: Flask, key: str) -> Thread | None:
    with app.app_context():
        return db.session.scalar(select(Thread).where(Thread.key == key))


def test_thread_begins_with_its_first_comment(app: Flask, client: FlaskClient) -> None:
    assert client.get("/threads/blog/post").status_code == 200
    assert thread(app, "/blog/post") is None
    answer = client.post("/threads/blog/post", data={"content": "Hi"})
    assert (answer.status_code, answer.location) == (303, "/threads/blog/post#comment-1")
    begun = thread(app, "/blog/post")
    assert begun
    assert (begun.comment_count, begun.version) == (1, 1)


def test_threads_are_kept_apart(client: FlaskClient) -> None:
    for path in ("/", "/threads/a", "/threads/b"):
        client.post(path, data={"content": "Same text"})
    assert [shown_ids(client.get(path).text) for path in ("/", "/threads/a", "/threads/b")] == [[1], [2], [3]]


@pytest.mark.parametrize(("one", "other"), [("Post", "post"), ("café", "cafe"), ("straße", "strasse"), ("🍕", "🍔")])
def test_threads_differ_by_case_and_accent(client: FlaskClient, one: str, other: str) -> None:
    client.post(f"/threads/{one}", data={"content": "Hi"})
    assert shown_ids(client.get(f"/threads/{other}").text) == []
    assert shown_ids(client.get(f"/threads/{one}").text) == [1]


@pytest.mark.parametrize("path", ["blog/", "%20blog", "blog%20", "blog%2F"])
def test_thread_has_one_address(client: FlaskClient, path: str) -> None:
    answer = client.get(f"/threads/{path}?before=1-1")
    assert (answer.status_code, answer.location) == (308, "/threads/blog?before=1-1")


def test_first_thread_has_one_address(client: FlaskClient) -> None:
    assert client.get("/threads/%20").location == "/"


def test_composed_and_decomposed_letters_are_one_thread(client: FlaskClient) -> None:
    client.post("/threads/cafe\u0301", data={"content": "Hi"})
    assert shown_ids(client.get("/threads/caf\u00e9").text) == [1]


@pytest.mark.parametrize("path", ["..%2Fb", "a/%2E%2E/b", "a%00", "a%09b", "%07", "x" * 500, "%ED%A0%80%00"])
def test_path_of_no_page_is_refused_and_the_text_kept(client: FlaskClient, path: str) -> None:
    assert client.get(f"/threads/{path}").status_code == 404
    answer = client.post(f"/threads/{path}", data={"content": "typed"})
    assert answer.status_code == 404
    assert typed(answer.text) == "typed"


def test_path_with_a_line_break_is_no_page(client: FlaskClient) -> None:
    assert client.post("/threads/a%0Ab", data={"content": "typed"}).status_code == 404


def test_longest_key_holds_a_thread(client: FlaskClient) -> None:
    path = "/threads/" + "é" * 499
    location = client.post(path, data={"content": "Hi"}).location
    assert shown_ids(client.get(location).text) == [1]


def test_refused_post_comes_back_to_its_thread(client: FlaskClient) -> None:
    answer = client.post("/threads/a%26b", data={"content": " "})
    assert answer.status_code == 422
    assert 'action="/threads/a&amp;b"' in answer.text


def test_hostile_key_is_escaped(client: FlaskClient) -> None:
    client.post("/threads/%3Cscript%3E%22'", data={"content": "Hi"})
    for path in ("/threads", "/threads/%3Cscript%3E%22'"):
        page = client.get(path).text
        assert "&lt;script&gt;&#34;&#39;" in page
        assert "<script>" not in page


def test_permalink_leads_into_its_thread(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        make_comments(120, apart=timedelta(0), thread="/deep")
        make_comments(120)
    answer = client.get("/comments/10")
    assert answer.location.startswith("/threads/deep?before=")
    assert 10 in shown_ids(client.get(answer.location).text)


def test_pages_of_a_thread_link_to_each_other(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        make_comments(60, apart=timedelta(0), thread="/deep")
    older = link(client.get("/threads/deep").text, "next") or ""
    assert older.startswith("/threads/deep?before=")
    assert shown_ids(client.get(older).text) == list(range(10, 0, -1))


def test_threads_are_listed_by_their_latest_comment(client: FlaskClient) -> None:
    for path in ("/threads/a", "/threads/b", "/threads/c", "/threads/a"):
        client.post(path, data={"content": f"on {path}"}, headers={"User-Agent": path})
    client.post("/threads/a", data={"content": "later"})
    page = client.get("/threads").text
    assert listed(page) == ["/a", "/c", "/b"]
    assert "2 comments" in page


def test_first_thread_is_listed_by_the_sites_name(client: FlaskClient) -> None:
    client.post("/", data={"content": "Hi"})
    assert listed(client.get("/threads").text) == ["Comments"]


def test_thread_list_without_comments_says_so(client: FlaskClient) -> None:
    assert "No threads yet" in client.get("/threads").text


def test_thread_list_is_paged_both_ways(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        db.session.add_all(
            Thread(key=f"/{n}", comment_count=1, version=1, latest=MOMENT + timedelta(minutes=n // 2))
            for n in range(120)
        )
        db.session.commit()
    seen, address, page = [], "/threads", ""
    while address:
        page = client.get(address).text
        seen += listed(page)
        address = link(page, "next") or ""
    assert seen == [f"/{n}" for n in reversed(range(120))]
    assert listed(client.get(link(page, "prev") or "").text) == seen[50:100]


def test_thread_list_asks_the_index_of_its_order(app: Flask, client: FlaskClient, backend: str) -> None:
    client.get("/threads")
    with statements(app) as seen:
        client.get("/threads?before=1499453220000000-9")
    assert len(seen) == 1
    assert ("FORCE INDEX (ix_threads_latest_id)" in seen[0]) == (backend == "mysql")


def test_counts_are_true_after_posts_of_eight_at_once(app: Flask) -> None:
    def post(n: int) -> int:
        return app.test_client().post("/threads/new", data={"content": f"comment {n}"}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(post, range(64))) == {303}
    begun = thread(app, "/new")
    assert begun
    assert begun.comment_count == begun.version == 64
    assert len(shown_ids(app.test_client().get("/threads/new").text)) == 50


def test_post_that_is_there_already_counts_nothing(app: Flask, client: FlaskClient) -> None:
    for _ in range(3):
        client.post("/threads/a", data={"content": "Once"})
    begun = thread(app, "/a")
    assert begun
    assert (begun.comment_count, begun.version) == (1, 1)


def test_latest_does_not_go_back_with_the_clock(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        make_comment("late", MOMENT.replace(year=2999), thread="/a")
    client.post("/threads/a", data={"content": "now"})
    begun = thread(app, "/a")
    assert begun
    assert begun.latest == MOMENT.replace(year=2999)


def test_first_thread_is_the_sites_page(client: FlaskClient) -> None:
    assert stored(client) == 0
    assert "Write the first one" in client.get("/").text


def test_settings_of_a_site_reach_its_threads(database: URL, make_app: Callable[..., Flask]) -> None:
    page = make_app(database, TITLE="Lower Mill").test_client().get("/threads/a").text
    assert "<title>/a - Lower Mill</title>" in page
    assert page.count("<h1") == 1
