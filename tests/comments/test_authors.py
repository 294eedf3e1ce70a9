"""Who wrote a comment: what the page shows of it, keeps to itself, remembers and forgets."""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import URL

from commentsite.comments.models import Comment
from commentsite.db import db
from tests.factories import make_comment, the_comment

from .pages import OWN_PAGE, article, edit, field, post, shown_ids, stored, text_of, typed

EMAIL = "ada.private@example.org"
WRITER = {"name": "Ada", "email": EMAIL, "website": "https://ada.example/"}
PUBLIC_PAGES = ["/", "/?order=oldest", "/threads", "/comments/1/replies", "/comments/1/reply", "/nowhere"]


def test_post_with_empty_fields_is_taken(client: FlaskClient) -> None:
    assert post(client).status_code == 303
    assert "Anonymous" in article(client.get("/").text, 1)


def test_name_is_shown_isolated(client: FlaskClient) -> None:
    post(client, name="ليلى <b>&")
    assert "<bdi>ليلى &lt;b&gt;&amp;</bdi>" in article(client.get("/").text, 1)


def test_name_is_kept_as_it_is_shown(app: Flask, client: FlaskClient) -> None:
    post(client, name="  \u202eＡｄａ\u200b ")
    with app.app_context():
        assert the_comment(1).name == "Ada"


@pytest.mark.parametrize("name", ["Ada", ""])
def test_website_is_linked_and_not_recommended(client: FlaskClient, name: str) -> None:
    post(client, name=name, website="https://ada.example/?a=1&b='")
    link = re.search(r'<a href="https://ada[^>]*>', article(client.get("/").text, 1))
    assert link
    assert link[0] == '<a href="https://ada.example/?a=1&amp;b=&#39;" rel="nofollow ugc noopener">'


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "x" * 81),
        ("email", "no address"),
        ("website", "javascript:alert(1)"),
        ("website", "https://u:p@example.org"),
        ("website", 'https://example.org/"x'),
        ("website", "https://example.org/".ljust(501, "x")),
    ],
)
def test_writer_refused_keeps_all_that_was_typed(client: FlaskClient, name: str, value: str) -> None:
    answer = post(client, "My text", **{**WRITER, name: value, "remember": "yes"})
    assert answer.status_code == 422
    assert typed(answer.text) == "My text"
    assert [field(answer.text, each) for each in WRITER] == list({**WRITER, name: value}.values())
    assert " checked" in answer.text
    assert stored(client) == 0


def test_message_about_a_writer_stands_at_its_field(client: FlaskClient) -> None:
    page = post(client, email="x").text
    assert 'id="email-error" role="alert">This is no e-mail address' in page
    assert re.search(r'<input id="email"[^>]* aria-invalid="true" aria-describedby="email-error"', page)


@pytest.mark.parametrize("path", PUBLIC_PAGES)
def test_email_is_on_no_page_of_another_visitor(app: Flask, client: FlaskClient, path: str) -> None:
    post(client, **WRITER)
    with app.app_context():
        make_comment("An answer", parent=the_comment(1))
    assert EMAIL not in app.test_client().get(path).text


@pytest.mark.parametrize("path", ["/", "/comments/1/replies", "/comments/1/edit", "/comments/1/delete"])
def test_email_that_is_not_remembered_is_on_no_page(client: FlaskClient, path: str) -> None:
    post(client, **WRITER)
    answer = client.get(path)
    assert answer.status_code == 200
    assert EMAIL not in answer.text


def test_email_is_not_in_the_log(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    post(client, **WRITER)
    post(client, " ", **WRITER)
    assert EMAIL not in caplog.text


def test_email_is_not_in_the_log_of_a_broken_database(
    database: URL, make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(database, TESTING=False, SECRET_KEY="k" * 40)
    with app.app_context():
        Comment.__table__.drop(db.engine)  # type: ignore[attr-defined]
    assert post(app.test_client(), **WRITER).status_code in (500, 503)
    assert caplog.text
    assert EMAIL not in caplog.text


@pytest.mark.parametrize(("setting", "name"), [("REQUIRE_NAME", "name"), ("REQUIRE_EMAIL", "email")])
def test_required_field_is_asked_for(database: URL, make_app: Callable[..., Flask], setting: str, name: str) -> None:
    client = make_app(database, **{setting: "yes"}).test_client()
    assert re.search(rf'<input id="{name}"[^>]* required', client.get("/").text)
    answer = post(client, "My text")
    assert (answer.status_code, typed(answer.text)) == (422, "My text")
    assert f'id="{name}-error"' in answer.text
    assert post(client, "My text", **{name: WRITER[name]}).status_code == 303


def test_field_is_not_required_by_itself(client: FlaskClient) -> None:
    assert not re.search(r"<input [^>]*required", client.get("/").text)


def test_writer_is_remembered_if_they_tick_so(client: FlaskClient) -> None:
    post(client, **WRITER, remember="yes")
    for path in ("/", "/threads/other", "/comments/1/reply"):
        page = client.get(path).text
        assert [field(page, name) for name in WRITER] == list(WRITER.values())
        assert " checked" in page


def test_writer_is_not_remembered_by_itself(client: FlaskClient) -> None:
    post(client, **WRITER)
    assert [field(client.get("/").text, name) for name in WRITER] == ["", "", ""]


def test_writer_is_forgotten_when_they_tick_no_more(client: FlaskClient) -> None:
    post(client, **WRITER, remember="yes")
    post(client, "Another", **WRITER)
    assert client.get_cookie("commentsite-writer") is None


def test_writer_is_not_remembered_by_a_refused_post(client: FlaskClient) -> None:
    post(client, " ", **WRITER, remember="yes")
    assert client.get_cookie("commentsite-writer") is None


def test_largest_writer_is_remembered(client: FlaskClient) -> None:
    chance = random.Random(1)  # noqa: S311 - what no compression makes small
    name = "".join(chr(chance.randrange(0x20000, 0x2A000)) for _ in range(80))
    website = "https://example.org/" + "".join(chr(chance.randrange(0x4E00, 0x9F00)) for _ in range(480))
    email = "a" * 60 + "@" + "".join(chance.choice("abcdefghijklmn") for _ in range(60)) + ".example"
    answer = post(client, name=name, email=email, website=website, remember="yes")
    assert answer.status_code == 303
    assert field(client.get("/").text, "website") == website


def test_mark_is_the_same_for_one_writer_and_another_for_others(client: FlaskClient) -> None:
    for content, browser in (("one", "A"), ("two", "A"), ("three", "B")):
        client.post("/", data={"content": content}, headers={"User-Agent": browser})
    page = client.get("/").text
    marks = [re.findall(r"<svg.*?</svg>", article(page, number))[0] for number in (1, 2, 3)]
    assert marks[0] == marks[1] != marks[2]


def test_mark_says_nothing_of_the_email(app: Flask, client: FlaskClient) -> None:
    post(client, **WRITER)
    with app.app_context():
        assert re.fullmatch("[0-9a-f]{16}", the_comment(1).mark or "")


def test_comment_from_before_names_is_anonymous(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        make_comment("Old")
    assert "Anonymous" in text_of(article(client.get("/").text, 1))


def test_edit_keeps_who_wrote(app: Flask, client: FlaskClient) -> None:
    post(client, **WRITER)
    edit(client, 1, "Changed", name="Eve", email="eve@example.org", website="https://eve.example")
    with app.app_context():
        kept = the_comment(1)
        assert [kept.name, kept.email, kept.website] == list(WRITER.values())


def test_writers_differ_in_name_so_posts_are_two(client: FlaskClient) -> None:
    for name in ("Ada", "Bob"):
        post(client, "Thanks!", name=name)
    assert shown_ids(client.get("/").text) == [2, 1]


def test_program_is_told_of_every_field(client: FlaskClient) -> None:
    fields = {"content": " ", "email": "x", "website": "javascript:x"}
    answer = client.post("/", data=fields, headers={**OWN_PAGE, "Accept": "application/json"})
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    assert set(answer.json["errors"]) == {"content", "email", "website"}
