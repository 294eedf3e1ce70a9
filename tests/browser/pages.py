"""What the tests of the browser lane do on a page, and what they look for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flask import Flask

from commentsite.comments.operations import Addition, add_comments
from tests.factories import MOMENT, make_comment, make_comments

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

TOO_LONG = "x" * 5000
# What breaks lines and frames: a word of 4,000 characters, both directions of writing, emoji, wide gaps.
ODD_TEXTS = ["w" * 4000, "שלום " * 300 + "\n" + "ش" * 2000, "👩‍🚀🏳️‍🌈" * 400, "a\tb" + " " * 900 + "c", "", None]


def text_field(page: Page) -> Locator:
    return page.get_by_label("Your comment")


def post(page: Page, text: str) -> None:
    """Type `text` into the form of the page and post it."""
    text_field(page).fill(text)
    page.get_by_role("button", name="Post comment").click()


def shown_texts(page: Page) -> list[str]:
    return [text.strip() for text in page.locator("article .comment-text").all_text_contents()]


def fill_site(app: Flask, *, count: int = 0, texts: list[str | None] | None = None) -> list[int]:
    """Store `count` numbered comments and newer ones of `texts`; return the ids of the numbered."""
    with app.app_context():
        ids = make_comments(count)
        for text in texts or []:
            make_comment(text, MOMENT + timedelta(days=1))
        return ids


def add_texts(app: Flask, *texts: str) -> None:
    """Store comments of these texts as posts do it: the thread counts them."""
    with app.app_context():
        add_comments([Addition(text, MOMENT) for text in texts])


def open_newest(page: Page) -> None:
    page.goto("/")


def open_older(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Older comments").click()
    page.get_by_role("heading", name="Older comments").wait_for()


def open_refused(page: Page) -> None:
    page.goto("/")
    post(page, TOO_LONG)
    page.get_by_role("alert").wait_for()


def open_missing(page: Page) -> None:
    page.goto("/nowhere")


def post_from_another_site(page: Page, text: str) -> None:
    """Post `text` to the site by a form on a page that is not the site's."""
    page.goto("/")
    home = page.url
    page.goto("about:blank")
    page.set_content(f'<form method="post" action="{home}"><textarea name="content">{text}</textarea><button>')
    page.get_by_role("button").click()
    page.get_by_role("alert").wait_for()


def open_middle(page: Page) -> None:
    page.goto("/comments/60")


def open_oldest(page: Page) -> None:
    page.goto("/comments/1")


def has_no_sideways_scroll(page: Page) -> bool:
    width: int = page.evaluate("document.documentElement.scrollWidth")
    size = page.viewport_size
    return size is not None and width <= size["width"]
