"""Previews: how a text will look, with nothing of it stored."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import the_comment

from .pages import OWN_PAGE, article, edit, field, post, shown_ids, stored, typed

WRITER = {"name": "Ada <b>", "email": "ada@example.org", "website": "https://ada.example"}
TEXT = "\n*Hello* <b>\r\n"


def test_preview_shows_the_text_rendered(client: FlaskClient) -> None:
    answer = post(client, TEXT, preview="yes")
    assert answer.status_code == 200
    assert "<em>Hello</em>" in answer.text
    assert "<b>" not in answer.text


def test_preview_stores_nothing(client: FlaskClient) -> None:
    answer = post(client, TEXT, preview="yes", **WRITER, remember="yes")
    assert "Set-Cookie" not in answer.headers
    assert stored(client) == 0
    assert "No threads yet" in client.get("/threads").text


def test_preview_keeps_what_was_typed(client: FlaskClient) -> None:
    page = post(client, TEXT, path="/threads/a", preview="yes", **WRITER, remember="yes").text
    assert typed(page) == "\n*Hello* <b>\r\n"
    assert [field(page, name) for name in WRITER] == list(WRITER.values())
    assert " checked" in page
    assert 'action="/threads/a"' in page


def test_preview_of_a_reply_is_still_a_reply(client: FlaskClient) -> None:
    post(client)
    page = post(client, TEXT, preview="yes", parent="1").text
    assert field(page, "parent") == "1"
    assert "Post reply" in page


def test_preview_is_kept_by_nobody(client: FlaskClient) -> None:
    assert post(client, TEXT, preview="yes").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"content": " "}, "nothing to see"),
        ({"content": "x" * 4097}, "4,097 characters"),
        ({"content": "x", "email": "x"}, "no e-mail address"),
        ({"content": "x", "website": "javascript:x"}, "no address of a website"),
        ({"content": "x", "parent": "0"}, "not there any more"),
    ],
    ids=["blank", "long", "email", "website", "parent"],
)
def test_preview_of_bad_input_is_refused_as_a_post_is(
    client: FlaskClient, fields: dict[str, str], message: str
) -> None:
    answer = post(client, preview="yes", **fields)
    assert (answer.status_code, typed(answer.text)) == (422, fields["content"])
    assert message in answer.text


def test_preview_from_another_site_is_refused(client: FlaskClient) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.post("/", data={"content": "x", "preview": "yes"}, headers=headers).status_code == 403


def test_preview_of_an_edit_changes_nothing(app: Flask, client: FlaskClient) -> None:
    post(client)
    answer = edit(client, 1, TEXT, preview="yes")
    assert answer.status_code == 200
    assert "<em>Hello</em>" in answer.text
    assert (typed(answer.text), field(answer.text, "revision")) == ("\n*Hello* <b>\r\n", "1")
    assert 'action="/comments/1/edit"' in answer.text
    with app.app_context():
        assert the_comment(1).content == "Hello"


def test_preview_of_an_edit_is_the_writers_alone(app: Flask, client: FlaskClient) -> None:
    post(client)
    data = {"content": "x", "revision": "1", "preview": "yes"}
    assert app.test_client().post("/comments/1/edit", data=data, headers=OWN_PAGE).status_code == 403


def test_preview_of_an_edit_of_bad_input_is_refused(client: FlaskClient) -> None:
    post(client)
    answer = edit(client, 1, " ", preview="yes")
    assert (answer.status_code, typed(answer.text)) == (422, " ")


def test_text_is_posted_as_it_was_previewed(client: FlaskClient) -> None:
    previewed = post(client, "**a** https://example.org\n- b", preview="yes").text
    html = previewed.split('<div class="comment-text">')[1].split("</div>")[0].strip()
    post(client, "**a** https://example.org\n- b")
    page = client.get("/").text
    assert shown_ids(page) == [1]
    assert html in article(page, 1)
