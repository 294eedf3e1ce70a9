"""Addresses that the site does not make: each has a clear answer and stores nothing."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import make_comment, make_comments, the_thread

from .pages import post, shown_ids, typed


@pytest.mark.parametrize(
    "path",
    [
        *("..", "../a", "a/../b", "..%2Fa", "a%2F..%2Fb", "%2e%2e/a", "a/.%2e", "a/%2E", "a/.. /"),
        *("a%00b", "a%1Fb", "a%7F", "a%C2%85b", "%EF%BF%BE", "x" * 500, "é" * 500, "e%CC%81" * 1000),
        *("%E2%80%AEa", "a/%E2%80%8B", "%E3%85%A4/a", "a%E2%81%A6b"),  # which turn the writing, or show nothing
    ],
)
def test_path_of_no_page_begins_no_thread(client: FlaskClient, path: str) -> None:
    answer = client.post(f"/threads/{path}", data={"content": "My text"})
    assert (answer.status_code, typed(answer.text)) == (404, "My text")
    assert "No threads yet" in client.get("/threads").text


@pytest.mark.parametrize("path", ["a%0D%0Ab", "%2F" * 2000])
def test_path_that_no_rule_takes_is_not_found(client: FlaskClient, path: str) -> None:
    assert client.post(f"/threads/{path}", data={"content": "My text"}, follow_redirects=True).status_code == 404


@pytest.mark.parametrize(
    ("path", "key"),
    [
        *(("a%2Fb", "/a/b"), ("a%5Cb", "/a\\b"), ("a%252Fb", "/a%2Fb"), ("a%3Fb%23c", "/a?b#c"), ("%26%2B;=", "/&+;=")),
        *(("%F0%9F%8D%95", "/🍕"), ("..a", "/..a"), ("...", "/..."), ("a%E2%80%8Cb", "/a\u200cb")),
    ],
)
def test_encoded_path_is_one_thread_with_one_address(app: Flask, client: FlaskClient, path: str, key: str) -> None:
    location = post(client, path=f"/threads/{path}").location.split("#")[0]
    answer = client.get(location)
    assert (answer.status_code, shown_ids(answer.text)) == (200, [1])
    assert post(client, "again", path=location).location == f"{location}#comment-2"
    with app.app_context():
        assert the_thread(key).comment_count == 2


@pytest.mark.parametrize(
    "query",
    [
        "path=x",
        "key=x",
        "_external=1",
        "_anchor=x",
        "_scheme=javascript&_external=1",
        "_method=POST",
        "values=1",
        "x=1",
    ],
)
def test_query_of_a_redirect_is_no_argument(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/threads/blog%20?{query}")
    assert (answer.status_code, answer.location) == (308, "/threads/blog")


def test_redirect_keeps_the_place_and_the_order(client: FlaskClient) -> None:
    location = client.get("/threads/blog%20?before=1-1&order=oldest").location
    assert location == "/threads/blog?before=1-1&order=oldest"


@pytest.mark.parametrize("path", ["/", "/threads/a", "/threads", "/comments/1/replies"])
@pytest.mark.parametrize("query", ["before=x", "after=%00", "before=1-1&after=1-1", "after=" + "9" * 4000])
def test_cursor_of_another_shape_is_refused(client: FlaskClient, path: str, query: str) -> None:
    post(client)
    answer = client.get(f"{path}?{query}")
    is_path = path.endswith("/replies") and query == "before=x"
    assert answer.status_code == (200 if is_path else 422)


@pytest.mark.parametrize("path", ["/?before=x", "/?order=x", "/comments/x", "/comments/1/edit", "/threads/.."])
def test_program_is_answered_in_problem_json(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={"Accept": "application/json"})
    assert answer.status_code >= 400
    assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize("year", [1, 1000, 1900, 1969, 2999, 9999])
def test_times_of_other_ages_have_their_place(app: Flask, client: FlaskClient, backend: str, year: int) -> None:
    if backend == "mysql" and year < 1000:
        year = 1000  # the first that its DATETIME has
    with app.app_context():
        make_comment("odd", datetime(year, 6, 7, tzinfo=timezone.utc))
        make_comments(120)
    for order in ("newest", "oldest"):
        location = client.get(f"/comments/1?order={order}").location
        assert 1 in shown_ids(client.get(location).text)


@pytest.mark.parametrize("path", ["/", "/threads/a", "/comments/1/reply", "/comments/1/edit", "/comments/1/replies"])
def test_ids_are_unique_on_a_page(client: FlaskClient, path: str) -> None:
    post(client, "# x\n\n[a]: b", remember="yes", name="Ada")
    post(client, "reply", parent="1")
    ids = re.findall(r' id="([^"]*)"', client.get(path).text)
    assert len(ids) == len(set(ids))


def test_labels_belong_to_fields(client: FlaskClient) -> None:
    post(client)
    for page in (client.get("/").text, client.get("/comments/1/reply").text, client.get("/comments/1/edit").text):
        assert set(re.findall(r'<label for="([^"]+)"', page)) <= set(re.findall(r' id="([^"]+)"', page))
