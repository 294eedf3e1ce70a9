"""Pages pasted into frames are the pages that their template makes, whatever is in them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask, render_template
from sqlalchemy.engine import URL

from commentsite.comments import pages
from commentsite.comments.urls import thread_url
from tests.factories import make_comment, make_comments, make_replies

KEYS = ["/", "/blog/post", "/a&copy/'\"<b>%s%25é", "/%(id)s", "/zqkeyqz"]


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function that has every page made by its template from then on."""

    def make_plain() -> None:
        monkeypatch.setattr(
            pages,
            "framed",
            lambda name, fields, **situation: render_template(name, **fields, **situation, own={}, typed={}),
        )

    return make_plain


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("key", KEYS)
def test_framed_page_is_the_page_of_the_template(app: Flask, key: str, order: str, plain: Callable[[], None]) -> None:
    with app.app_context():
        make_replies(make_comment("100 % *sure*", thread=key, name="50 %s <b>"), range(-1, 9))
        make_comments(120, thread=key)
    client = app.test_client(use_cookies=False)
    with app.test_request_context():
        address = thread_url(key, order=order)
    framed = [client.get(address).text, client.get(f"{address}&after=0-1").text]
    plain()
    app.wsgi_app = app.wsgi_app.wsgi_app.wsgi_app  # type: ignore[attr-defined,method-assign]
    assert framed == [client.get(address).text, client.get(f"{address}&after=0-1").text]


def test_address_of_a_key_is_escaped_in_the_page(app: Flask) -> None:
    with app.app_context():
        make_comment(thread="/a&copy/b")
    page = app.test_client(use_cookies=False).get("/threads/a&copy/b").text
    assert 'action="/threads/a&amp;copy/b"' in page
    assert "/a&copy" not in page


def test_settings_with_signs_of_formatting_are_shown_as_they_are(database: URL, make_app: Callable[..., Flask]) -> None:
    app = make_app(database, TITLE="100 % %(id)s {x}", DESCRIPTION="%s")
    with app.app_context():
        make_comment()
    page = app.test_client(use_cookies=False).get("/").text
    assert re.findall(r"<title>(.*)</title>", page) == ["100 % %(id)s {x}"]
