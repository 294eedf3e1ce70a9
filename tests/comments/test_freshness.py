"""Entity tags: a page that is still true is not sent again, and one visitor's page is no other's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import URL

from commentsite.comments import operations
from commentsite.comments.forms import EditDraft
from tests.factories import make_comment, make_comments

from .pages import OWN_PAGE, delete, edit, post, shown_ids

PAGES = ["/", "/?order=oldest", "/threads/a", "/threads/new", "/comments/1/replies"]
CANARY = {"name": "Canary Bird", "email": "canary@example.org", "website": "https://canary.example/"}


@pytest.fixture
def reader(app: Flask, client: FlaskClient) -> FlaskClient:
    """A reader without cookies, of a site where `client` has posted comments 1 and 2."""
    post(client)
    post(client, path="/threads/a")
    return app.test_client()


def tag(client: FlaskClient, path: str = "/") -> str:
    return client.get(path).headers["ETag"]


@pytest.mark.parametrize("path", PAGES)
def test_page_that_is_still_true_is_not_sent_again(reader: FlaskClient, path: str) -> None:
    answer = reader.get(path, headers={"If-None-Match": tag(reader, path)})
    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == tag(reader, path)
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", PAGES)
def test_head_says_what_get_says(reader: FlaskClient, path: str) -> None:
    got, head = reader.get(path), reader.head(path)
    assert head.data == b""
    assert (head.status_code, head.headers["ETag"], head.content_length) == (200, got.headers["ETag"], len(got.data))
    assert reader.head(path, headers={"If-None-Match": got.headers["ETag"]}).status_code == 304


CHANGES: dict[str, Callable[[FlaskClient], object]] = {
    "post": lambda client: post(client, "another"),
    "reply": lambda client: post(client, "reply", parent="1"),
    "edit": lambda client: edit(client, 1, "new"),
    "delete": lambda client: delete(client, 1),
    "close": lambda client: client.application.test_cli_runner().invoke(args=["close", "/"]),
    "demo": lambda client: client.application.test_cli_runner().invoke(args=["demo", "1"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_tag_changes_with_the_thread_and_no_other(client: FlaskClient, reader: FlaskClient, change: str) -> None:
    pages = ["/", "/?order=oldest"]
    before, other = [tag(reader, page) for page in pages], tag(reader, "/threads/a")
    CHANGES[change](client)
    after = [tag(reader, page) for page in pages]
    assert not set(before) & set(after)
    assert tag(reader, "/threads/a") == other
    assert reader.get("/", headers={"If-None-Match": before[0]}).status_code == 200


@pytest.mark.parametrize("change", ["reply", "edit"])
def test_tag_of_the_replies_changes(client: FlaskClient, reader: FlaskClient, change: str) -> None:
    before = tag(reader, "/comments/1/replies")
    CHANGES[change](client)
    assert tag(reader, "/comments/1/replies") != before


def test_tag_changes_when_comments_are_rendered_anew(app: Flask, reader: FlaskClient) -> None:
    with app.app_context():
        make_comment("*old*")
    before = tag(reader)
    app.test_cli_runner().invoke(args=["rerender"])
    assert tag(reader) != before


def test_tag_of_a_thread_that_begins_changes(client: FlaskClient, reader: FlaskClient) -> None:
    before = tag(reader, "/threads/new")
    post(client, path="/threads/new")
    assert tag(reader, "/threads/new") != before


def test_tag_stays_where_nothing_changed(client: FlaskClient, reader: FlaskClient) -> None:
    before = tag(reader)
    post(client)  # there already
    post(client, " ")
    edit(client, 1, "Hello")
    edit(client, 1, "x", revision=7)
    assert tag(reader) == before


@pytest.mark.parametrize("setting", [{"TITLE": "Other"}, {"TIMEZONE": "Asia/Tokyo"}, {"REPLY_DEPTH": "1"}])
def test_tag_changes_with_the_settings(database: URL, make_app: Callable[..., Flask], setting: dict[str, str]) -> None:
    one, other = (make_app(database, **given).test_client() for given in ({}, setting))
    assert tag(one) != tag(other)


def test_tag_is_the_same_in_every_process(database: URL, make_app: Callable[..., Flask]) -> None:
    one, other = (make_app(database).test_client() for _ in range(2))
    assert tag(one) == tag(other)


def test_page_of_a_writer_is_private(client: FlaskClient, reader: FlaskClient) -> None:
    answer = client.get("/")
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["ETag"] != tag(reader)
    assert client.get("/", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_tag_of_the_public_page_is_none_of_a_writers(client: FlaskClient, reader: FlaskClient) -> None:
    assert client.get("/", headers={"If-None-Match": tag(reader)}).status_code == 200
    assert reader.get("/", headers={"If-None-Match": tag(client)}).status_code == 200


def test_tags_of_two_writers_differ(app: Flask, client: FlaskClient, reader: FlaskClient) -> None:
    other = app.test_client()
    post(other, "from another")
    assert len({tag(client), tag(other), tag(reader)}) == 3


def test_page_of_a_writer_is_public_again_when_the_window_is_over(
    client: FlaskClient, reader: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commentsite.comments.policy.may_edit", lambda *_: False)
    assert tag(client) == tag(reader)
    assert client.get("/").headers["Cache-Control"] == "no-cache"


def test_tag_of_a_writer_changes_when_the_window_is_over(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    post(client)
    before = tag(client)
    monkeypatch.setattr("commentsite.comments.policy.may_edit", lambda *_: False)
    answer = client.get("/", headers={"If-None-Match": before})
    assert answer.status_code == 200
    assert "/edit" not in answer.text


@pytest.mark.parametrize("path", [*PAGES, "/threads", "/comments/1/reply", "/nowhere"])
def test_pages_for_all_hold_nothing_of_cookies(app: Flask, client: FlaskClient, path: str) -> None:
    post(client, **CANARY, remember="yes")
    client.get(path)
    other = app.test_client()
    page = other.get(path).text
    for kept in (CANARY["email"], "/comments/1/edit", "/comments/1/delete", " checked"):
        assert kept not in page


@pytest.mark.parametrize("path", ["/comments/1/reply", "/comments/1/edit", "/comments/1/delete"])
def test_pages_of_one_visitor_are_kept_by_nobody(client: FlaskClient, path: str) -> None:
    post(client, **CANARY, remember="yes")
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("held", ['"x"', "W/", "", '"' * 99, "*, x", "\u00ff"])
def test_tag_of_another_shape_is_none(reader: FlaskClient, held: str) -> None:
    assert reader.get("/", headers={"If-None-Match": held}).status_code in (200, 304)


def test_further_page_is_not_sent_again(app: Flask, reader: FlaskClient) -> None:
    with app.app_context():
        make_comments(60)
    path = "/?before=1499453220000000-9"
    answer = reader.get(path, headers={"If-None-Match": tag(reader, path)})
    assert answer.status_code == 304


def test_reader_after_a_post_sees_it_at_once(reader: FlaskClient) -> None:
    seen = []
    for n in range(5):
        reader.post("/", data={"content": f"new {n}"}, headers=OWN_PAGE)
        reader.delete_cookie("commentsite-own")
        seen.append(len(shown_ids(reader.get("/").text)))
    assert seen == [2, 3, 4, 5, 6]


def test_edit_by_an_operation_reaches_the_page(app: Flask, reader: FlaskClient) -> None:
    reader.get("/")
    with app.app_context():
        operations.edit_comment(EditDraft("Changed words", 1), 1, window_minutes=15)
    assert "Changed words" in reader.get("/").text
