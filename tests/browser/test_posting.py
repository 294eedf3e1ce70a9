"""Posting in a browser: by mouse, keyboard and twice, with JavaScript and without."""

from __future__ import annotations

import re
import time

import pytest
from flask import Flask

from commentsite.comments import operations
from commentsite.comments.forms import CommentDraft
from commentsite.comments.tree import Stored
from commentsite.errors import Unavailable

from .conftest import OpenPage
from .pages import TOO_LONG, open_refused, post, post_from_another_site, shown_texts, text_field

pytestmark = pytest.mark.browser

POSTED = re.compile(r"Posted [A-Z][a-z]+day, \d\d [A-Z][a-z]+ \d{4} at \d\d:\d\d")


@pytest.mark.parametrize("scripts", [False, True], ids=["no-js", "js"])
@pytest.mark.parametrize("width", [320, 1280])
def test_post_shows_the_comment_with_its_time(open_page: OpenPage, width: int, scripts: bool) -> None:
    page = open_page(width=width, scripts=scripts)
    page.goto("/")
    post(page, "Hello from a browser 🎈")
    article = page.get_by_role("article").filter(has_text="Hello from a browser 🎈")
    assert POSTED.fullmatch(article.locator("time").inner_text())
    assert page.url.endswith("/#comment-1")
    assert text_field(page).input_value() == ""


def test_post_by_keyboard_alone(open_page: OpenPage) -> None:
    page = open_page(scripts=False)
    page.goto("/")
    for _ in range(10):
        page.keyboard.press("Tab")
        if text_field(page).and_(page.locator(":focus")).count():
            break
    page.keyboard.type("Typed by hand")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("article").wait_for()
    assert shown_texts(page) == ["Typed by hand"]


def test_skip_link_goes_to_the_content(open_page: OpenPage) -> None:
    page = open_page()
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.get_by_role("link", name="Skip to the content").bounding_box()["y"] >= 0  # type: ignore[index]
    page.keyboard.press("Enter")
    assert page.locator("main:focus").count() == 1


def test_double_click_stores_one_comment(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = slow_down_posts(monkeypatch)
    page = open_page(scripts=False)
    page.goto("/")
    text_field(page).fill("Once")
    # The button is held down long enough for the first post to be under way.
    page.get_by_role("button", name="Post comment").dblclick(delay=200)
    page.get_by_role("article").wait_for()
    page.goto("/")
    assert len(calls) == 2
    assert shown_texts(page) == ["Once"]


def slow_down_posts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have each post wait before it is stored, and return a list that the posts are written down in."""
    calls: list[str] = []
    store = operations.post_comment

    def post_slowly(draft: CommentDraft, **rest: str) -> Stored:
        calls.append(draft.content)
        time.sleep(0.5)
        return store(draft, **rest)

    monkeypatch.setattr(operations, "post_comment", post_slowly)
    return calls


@pytest.mark.parametrize("scripts", [False, True], ids=["no-js", "js"])
@pytest.mark.parametrize(
    "typed", [TOO_LONG, "   ", f"\n\n{TOO_LONG}\n", f"</textarea><b>{TOO_LONG}"], ids=["long", "blank", "lines", "tags"]
)
def test_refused_text_is_back_as_typed(open_page: OpenPage, typed: str, scripts: bool) -> None:
    page = open_page(scripts=scripts)
    page.goto("/")
    post(page, typed)
    page.get_by_role("heading", name="Not posted yet").wait_for()
    assert text_field(page).input_value() == typed


def test_refused_text_is_explained_once_at_its_field(open_page: OpenPage) -> None:
    page = open_page()
    open_refused(page)
    alert = page.get_by_role("alert")
    sentence = alert.inner_text()
    assert "5,000 characters" in sentence
    assert page.get_by_text(sentence, exact=True).count() == 1
    described = (text_field(page).get_attribute("aria-describedby") or "").split()
    assert described[0] == alert.get_attribute("id")
    assert text_field(page).get_attribute("aria-invalid") == "true"
    assert text_field(page).and_(page.locator(":focus")).count() == 1


def test_text_is_kept_until_the_database_is_back(
    open_page: OpenPage, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(scripts=False)
    page.goto("/")
    with monkeypatch.context() as away:
        away.setattr(operations, "post_comment", lambda *_, **__: (_ for _ in ()).throw(Unavailable("Away.")))
        post(page, "Written\n\nwith care")
        page.get_by_role("alert").get_by_text("Away.").wait_for()
    page.get_by_role("button", name="Post comment").click()
    page.get_by_role("article").wait_for()
    assert [text.split() for text in shown_texts(page)] == [["Written", "with", "care"]]


def test_text_from_another_site_can_be_posted_from_here(open_page: OpenPage) -> None:
    page = open_page(scripts=False)
    post_from_another_site(page, "From elsewhere")
    assert text_field(page).input_value() == "From elsewhere"
    page.get_by_role("button", name="Post comment").click()
    page.get_by_role("article").wait_for()
    assert shown_texts(page) == ["From elsewhere"]
