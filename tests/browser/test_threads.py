"""The list of threads and the page of one, as a browser shows them."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.factories import make_comment

from .conftest import OpenPage
from .pages import has_no_sideways_scroll, post, shown_texts
from .test_accessibility import assert_axe_finds_nothing

pytestmark = pytest.mark.browser

LONG_KEY = "/" + "w" * 499
ADDRESSES = ["/threads", "/threads/blog/post", f"/threads{LONG_KEY}"]


@pytest.fixture
def threads(app: Flask) -> Flask:
    """A site with threads of short and long keys, and of one written from right to left."""
    with app.app_context():
        for key in ("/blog/post", LONG_KEY, "/שלום/עולם"):
            make_comment(f"on {key[:9]}", thread=key)
    return app


@pytest.mark.parametrize("scripts", [False, True])
def test_comment_is_posted_in_its_thread(threads: Flask, open_page: OpenPage, scripts: bool) -> None:
    page = open_page(scripts=scripts)
    page.goto("/threads")
    page.get_by_role("link", name="/blog/post").click()
    post(page, "Hello from here")
    assert page.url.endswith("/threads/blog/post#comment-4")
    assert shown_texts(page) == ["Hello from here", "on /blog/pos"]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1280, "dark")])
def test_axe_finds_nothing_on_threads(
    threads: Flask, open_page: OpenPage, address: str, width: int, scheme: str
) -> None:
    page = open_page(width=width, scheme=scheme, csp=False)
    page.goto(address)
    assert_axe_finds_nothing(page)


@pytest.mark.parametrize("address", ADDRESSES)
def test_threads_fit_a_small_phone(threads: Flask, open_page: OpenPage, address: str) -> None:
    page = open_page(width=320)
    page.goto(address)
    assert has_no_sideways_scroll(page)
    sides = page.locator("a, button, textarea").evaluate_all(
        "found => found.map(each => each.getBoundingClientRect()).map(box => Math.min(box.width, box.height))"
    )
    assert min(sides) >= 44
