"""Editing one's own comment: the window, what is kept, and two edits at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.engine import URL

from commentsite.clock import utc_now
from commentsite.comments import operations
from commentsite.comments.forms import CommentDraft, EditDraft
from commentsite.comments.models import Comment, CommentVersion
from commentsite.comments.operations import EditConflict, EditWindowOver, edit_comment, post_comment
from commentsite.db import db
from commentsite.errors import NotFound
from tests.factories import MOMENT, make_comment, the_comment, the_thread

from .pages import OWN_PAGE, article, edit, field, link_named, post, text_of, typed

WINDOW = 15


@pytest.fixture
def number(app: Flask, monkeypatch: pytest.MonkeyPatch) -> int:
    """A comment, posted at MOMENT, which it still is."""
    monkeypatch.setattr(operations, "utc_now", lambda: MOMENT)
    with app.app_context():
        return post_comment(CommentDraft("first"), thread_key="/", sender="s", secret="s").id


def change(app: Flask, number: int, content: str, revision: int = 1) -> Comment:
    with app.app_context():
        return edit_comment(EditDraft(content, revision), number, window_minutes=WINDOW)


def versions(app: Flask) -> list[tuple[object, ...]]:
    columns = CommentVersion.comment_id, CommentVersion.revision, CommentVersion.content, CommentVersion.written
    with app.app_context():
        return [tuple(row) for row in db.session.execute(select(*columns).order_by(CommentVersion.id))]


def test_edit_changes_the_text_and_its_html(app: Flask, number: int) -> None:
    changed = change(app, number, "*second*")
    assert (changed.content, changed.revision, changed.edited) == ("*second*", 2, MOMENT)
    assert "<em>second</em>" in (changed.content_html or "")


def test_edit_keeps_place_time_and_counts(app: Flask, number: int) -> None:
    change(app, number, "second")
    with app.app_context():
        assert the_comment(number).posted == MOMENT
        assert (the_thread().comment_count, the_thread().latest) == (1, MOMENT)


def test_edit_raises_the_version_of_its_thread(app: Flask, number: int) -> None:
    with app.app_context():
        before = the_thread().version
    change(app, number, "second")
    with app.app_context():
        assert the_thread().version == before + 1


def test_earlier_versions_are_kept(app: Flask, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    later = MOMENT + timedelta(minutes=1)
    monkeypatch.setattr(operations, "utc_now", lambda: later)
    change(app, number, "second")
    change(app, number, "third", revision=2)
    assert versions(app) == [(number, 1, "first", MOMENT), (number, 2, "second", later)]


def test_edit_to_the_same_text_is_none(app: Flask, number: int) -> None:
    assert change(app, number, "first").edited is None
    assert versions(app) == []


def test_edit_that_came_twice_is_one(app: Flask, number: int) -> None:
    for _ in range(2):
        assert change(app, number, "second").revision == 2
    assert len(versions(app)) == 1


def test_edit_of_an_older_revision_is_a_conflict(app: Flask, number: int) -> None:
    change(app, number, "second")
    with pytest.raises(EditConflict):
        change(app, number, "mine")
    with app.app_context():
        assert the_comment(number).content == "second"


def test_edits_of_eight_at_once_are_won_by_one(app: Flask, number: int) -> None:
    def run(n: int) -> bool:
        try:
            return bool(change(app, number, f"edit {n}"))
        except EditConflict:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(run, range(8))) == 1
    assert len(versions(app)) == 1


@pytest.mark.parametrize("minutes", [WINDOW, 10_000])
def test_edit_after_the_window_is_refused(
    app: Flask, number: int, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    monkeypatch.setattr(operations, "utc_now", lambda: MOMENT + timedelta(minutes=minutes))
    with pytest.raises(EditWindowOver, match="15 minutes"):
        change(app, number, "late")


def test_edit_of_no_such_comment_is_not_found(app: Flask, number: int) -> None:
    with pytest.raises(NotFound):
        change(app, number + 1, "second")


def test_edited_is_shown_with_its_time(client: FlaskClient) -> None:
    post(client)
    assert "edited" not in article(client.get("/").text, 1)
    answer = edit(client, 1, "Changed")
    assert (answer.status_code, answer.location) == (303, "/#comment-1")
    shown = article(client.get("/").text, 1)
    assert "Changed" in shown
    assert '<span class="edited">edited <time datetime="' in shown


def test_edit_form_has_the_text_and_its_revision(client: FlaskClient) -> None:
    post(client, "\n<b> & \"'")
    page = client.get(link_named(client.get("/").text, "Edit")).text
    assert typed(page) == "\n<b> & \"'"
    assert field(page, "revision") == "1"


def test_edit_conflict_shows_both_texts(client: FlaskClient) -> None:
    post(client)
    edit(client, 1, "Their text")
    answer = edit(client, 1, "My text")
    assert answer.status_code == 409
    assert "Their text" in article(answer.text, 1)
    assert (typed(answer.text), field(answer.text, "revision")) == ("My text", "2")
    assert edit(client, 1, "Both texts", revision=2).status_code == 303


def test_edit_conflict_is_problem_json_to_a_program(client: FlaskClient) -> None:
    post(client)
    edit(client, 1, "Their text")
    headers = {**OWN_PAGE, "Accept": "application/json"}
    answer = client.post("/comments/1/edit", data={"content": "Mine", "revision": "1"}, headers=headers)
    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")


@pytest.mark.parametrize(
    ("content", "revision", "extra"),
    [
        (" ", "1", {}),
        ("x" * 4097, "1", {}),
        ("text", "", {}),
        ("text", "x", {}),
        ("text", "0", {}),
        ("text", str(2**70), {}),
        ("text", "1", {"parent": "1"}),
    ],
    ids=["blank", "long", "no revision", "word", "zero", "huge", "parent"],
)
def test_edit_of_bad_input_is_refused_and_kept(
    client: FlaskClient, content: str, revision: str, extra: dict[str, str]
) -> None:
    post(client)
    answer = edit(client, 1, content, revision, **extra)
    assert (answer.status_code, typed(answer.text)) == (422, content)
    assert 'action="/comments/1/edit"' in answer.text
    assert 'role="alert"' in answer.text
    assert "Hello" in client.get("/").text


def test_edit_of_another_content_type_is_refused(client: FlaskClient) -> None:
    post(client)
    assert client.post("/comments/1/edit", json={"content": "x", "revision": 1}, headers=OWN_PAGE).status_code == 415


@pytest.mark.parametrize("name", ["2", "0", "-1", "x", "9223372036854775808", "%00", "01"])
def test_edit_page_of_no_such_comment_is_not_found(client: FlaskClient, name: str) -> None:
    post(client)
    assert client.get(f"/comments/{name}/edit").status_code == 404
    answer = client.post(f"/comments/{name}/edit", data={"content": "My text", "revision": "1"}, headers=OWN_PAGE)
    assert (answer.status_code, typed(answer.text)) == (404, "My text")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("verb", ["edit", "delete"])
def test_change_by_another_method_is_refused(client: FlaskClient, verb: str, method: str) -> None:
    post(client)
    assert client.open(f"/comments/1/{verb}", method=method, headers=OWN_PAGE).status_code == 405


def test_window_of_none_offers_no_edit(database: URL, make_app: Callable[..., Flask]) -> None:
    client = make_app(database, EDIT_WINDOW_MINUTES="0").test_client()
    assert "Set-Cookie" not in post(client).headers
    assert "/edit" not in client.get("/").text
    assert edit(client, 1, "Changed").status_code == 403


def test_edit_of_a_comment_from_before_markdown_keeps_its_text(app: Flask) -> None:
    with app.app_context():
        number = make_comment("plain", posted=utc_now()).id
    assert "<em>now</em>" in (change(app, number, "*now*").content_html or "")
    assert versions(app)[0][2] == "plain"


def test_edit_in_a_closed_thread_goes_on(app: Flask, client: FlaskClient) -> None:
    post(client)
    with app.app_context():
        operations.close_thread("/")
    assert "Edit" in text_of(article(client.get("/").text, 1))
    assert edit(client, 1, "Changed").status_code == 303
