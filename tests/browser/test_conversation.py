"""All that a writer does in a conversation, with scripts off and by keyboard alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flask import Flask

from tests.factories import make_comment, make_comments, make_replies

from .conftest import OpenPage
from .pages import post, shown_texts, text_field

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.browser

MOST_TABS = 60


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """A small phone with scripts off, on the first thread, where its owner has posted "First"."""
    page = open_page(width=320, scripts=False)
    page.goto("/")
    post(page, "First")
    return page


def tab_to(page: Page, aim: Locator) -> None:
    """Press Tab until `aim` has the focus."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if aim.and_(page.locator(":focus")).count():
            return
    raise AssertionError(f"{MOST_TABS} tabs did not lead to {aim}")


def go(page: Page, name: str, heading: str) -> None:
    """Follow the link whose name begins so, by keyboard, to the page of a heading."""
    tab_to(page, page.get_by_role("article").get_by_role("link", name=name).first)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=heading).wait_for()


def type_and_press(page: Page, field: str, text: str, button: str) -> None:
    """Replace what is in a field by `text` and press a button, all by keyboard."""
    tab_to(page, page.get_by_label(field, exact=True))
    page.keyboard.press("Control+A")
    page.keyboard.type(text)
    tab_to(page, page.get_by_role("button", name=button, exact=True))
    page.keyboard.press("Enter")


def test_reply_by_keyboard_alone(page: Page) -> None:
    go(page, "Reply", "Reply to Anonymous")
    type_and_press(page, "Your reply", "My answer", "Post reply")
    page.locator("#comment-2.level-1").wait_for()
    assert shown_texts(page) == ["First", "My answer"]
    assert page.url.endswith("#comment-2")


def test_edit_by_keyboard_alone(page: Page) -> None:
    go(page, "Edit", "Change your comment")
    assert text_field(page).input_value() == "First"
    type_and_press(page, "Your comment", "Better", "Save")
    page.locator(".edited").wait_for()
    assert shown_texts(page) == ["Better"]


def test_delete_by_keyboard_alone(page: Page) -> None:
    go(page, "Delete", "Delete your comment?")
    tab_to(page, page.get_by_role("button", name="Delete it"))
    page.keyboard.press("Enter")
    page.get_by_text("No comments yet").wait_for()


def test_delete_can_be_thought_over(page: Page) -> None:
    go(page, "Delete", "Delete your comment?")
    tab_to(page, page.get_by_role("link", name="Keep it"))
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="1 comment").wait_for()
    assert shown_texts(page) == ["First"]


def test_delete_leaves_the_replies(page: Page) -> None:
    go(page, "Reply", "Reply to Anonymous")
    type_and_press(page, "Your reply", "My answer", "Post reply")
    go(page, "Delete", "Delete your comment?")
    page.get_by_role("button", name="Delete it").click()
    page.get_by_text("This comment was deleted by its writer.").wait_for()
    assert shown_texts(page)[1] == "My answer"


def test_preview_and_post_by_keyboard_alone(page: Page) -> None:
    type_and_press(page, "Your comment", "A *second* one", "Preview")
    page.get_by_role("heading", name="Preview").wait_for()
    assert page.get_by_role("region", name="How it will look").locator("em").inner_text() == "second"
    assert text_field(page).input_value() == "A *second* one"
    tab_to(page, page.get_by_role("button", name="Post comment"))
    page.keyboard.press("Enter")
    page.locator("#comment-2").wait_for()
    assert shown_texts(page)[0] == "A second one"


def test_preview_of_an_edit(page: Page) -> None:
    go(page, "Edit", "Change your comment")
    type_and_press(page, "Your comment", "**Better**", "Preview")
    page.get_by_role("heading", name="Preview").wait_for()
    page.get_by_role("button", name="Save").click()
    page.locator(".edited").wait_for()
    assert shown_texts(page) == ["Better"]


def test_enter_in_the_name_posts(page: Page) -> None:
    text_field(page).fill("Second")
    page.get_by_label("Name (optional)").fill("Ada")
    page.keyboard.press("Enter")
    page.locator("#comment-2").get_by_text("Ada").first.wait_for()


def test_writer_is_remembered(page: Page) -> None:
    page.get_by_text("E-mail and website").click()
    for label, value in (("Name (optional)", "Ada"), ("E-mail (optional, never shown)", "ada@example.org")):
        page.get_by_label(label).fill(value)
    page.get_by_label("Remember me in this browser").check()
    post(page, "Second")
    assert page.get_by_label("Name (optional)").input_value() == "Ada"
    page.get_by_label("Remember me in this browser").uncheck()
    post(page, "Third")
    assert page.get_by_label("Name (optional)").input_value() == ""


def test_order_is_chosen_by_keyboard_and_stays(app: Flask, page: Page) -> None:
    with app.app_context():
        make_comments(60)
    page.goto("/")
    tab_to(page, page.get_by_role("link", name="Oldest first"))
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Oldest first").and_(page.locator("[aria-current]")).wait_for()
    assert shown_texts(page)[0] == "comment 1"
    page.get_by_role("link", name="Newer comments").last.click()
    assert shown_texts(page)[-1] == "First"
    post(page, "Last")
    assert "order=oldest" in page.url
    assert shown_texts(page)[-1] == "Last"


def test_long_branch_is_read_to_its_end(app: Flask, page: Page) -> None:
    with app.app_context():
        make_replies(make_comment("Root"), range(-1, 119))
    page.goto("/")
    page.get_by_role("link", name="70 more replies").click()
    page.get_by_role("heading", name="120 replies").wait_for()
    seen = shown_texts(page)[1:]
    page.get_by_role("link", name="Later replies").last.click()
    page.get_by_text("reply 120", exact=True).wait_for()
    seen += shown_texts(page)[1:]
    assert seen == [f"reply {n}" for n in range(51, 121)]


def test_second_of_two_edits_is_told(page: Page) -> None:
    go(page, "Edit", "Change your comment")
    other = page.context.new_page()
    other.goto("/comments/1/edit")
    text_field(other).fill("From the other tab")
    other.get_by_role("button", name="Save").click()
    other.locator(".edited").wait_for()
    type_and_press(page, "Your comment", "From this tab", "Save")
    page.get_by_role("alert").wait_for()
    assert shown_texts(page) == ["From the other tab"]
    assert text_field(page).input_value() == "From this tab"
