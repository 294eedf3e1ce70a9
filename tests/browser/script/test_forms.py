"""Forms that script opens in place and sends once; links and forms do their work where it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ..pages import post, shown_texts, text_field
from ..test_posting import slow_down_posts
from .steps import FAILURES, Answer, answer_script, button, open_reply

if TYPE_CHECKING:
    from playwright.sync_api import Page

# What a browser makes of the pages does not depend on the database.
pytestmark = [pytest.mark.browser, pytest.mark.only_on("sqlite")]


def test_reply_opens_in_place_and_is_posted(page: Page) -> None:
    field = open_reply(page)
    field.and_(page.locator(":focus")).wait_for()
    assert page.url.endswith("/")
    page.keyboard.type("an answer")
    button(page, "Post reply").click()
    page.wait_for_url("**/#comment-3")
    assert shown_texts(page) == ["second", "first", "an answer"]


def test_cancel_closes_the_form_and_gives_focus_back(page: Page) -> None:
    link = page.locator("#comment-1").get_by_role("link", name="Reply")
    link.press("Enter")
    page.get_by_label("Your reply").wait_for()
    assert link.get_attribute("aria-expanded") == "true"
    button(page, "Cancel").press("Enter")
    assert page.get_by_label("Your reply").count() == 0
    assert link.get_attribute("aria-expanded") == "false"
    assert link.and_(page.locator(":focus")).count() == 1


def test_second_click_closes_the_form_and_third_has_the_text_again(page: Page) -> None:
    open_reply(page).fill("half a")
    page.locator("#comment-1").get_by_role("link", name="Reply").click()
    assert page.get_by_label("Your reply").count() == 0
    assert open_reply(page).input_value() == "half a"


def test_forms_for_two_replies_open_beside_each_other(page: Page) -> None:
    open_reply(page, 1).fill("to the first")
    open_reply(page, 2).fill("to the second")
    assert open_reply(page, 1).count() == 0
    assert page.get_by_label("Your reply").input_value() == "to the second"
    ids = page.locator("[id]").evaluate_all("found => found.map(each => each.id)")
    assert len(ids) == len(set(ids))


def test_edit_stands_in_for_the_text(page: Page) -> None:
    post(page, "mine")
    article = page.locator("#comment-3")
    article.get_by_role("link", name="Edit").click()
    field = article.get_by_label("Your comment")
    field.and_(page.locator(":focus")).wait_for()
    assert article.locator(".comment-text").is_hidden()
    button(page, "Cancel").click()
    assert article.locator(".comment-text").is_visible()
    article.get_by_role("link", name="Edit").click()
    field.fill("mine, changed")
    button(page, "Save").click()
    article.get_by_text("mine, changed").wait_for()


def test_click_with_control_opens_the_page_of_the_link(page: Page) -> None:
    with page.context.expect_page() as opened:
        page.locator("#comment-1").get_by_role("link", name="Reply").click(modifiers=["Control"])
    opened.value.get_by_role("heading", name="Reply to").wait_for()
    assert page.get_by_label("Your reply").count() == 0


@pytest.mark.parametrize("answer", FAILURES)
def test_reply_is_a_page_where_no_form_comes(page: Page, answer: Answer) -> None:
    answer_script(page, answer)
    page.locator("#comment-1").get_by_role("link", name="Reply").click()
    page.get_by_role("heading", name="Reply to").wait_for()
    assert page.url.endswith("/comments/1/reply")


@pytest.mark.parametrize("keys", ["Control+Enter", "Meta+Enter"])
def test_keys_send_the_form_that_is_typed_in(page: Page, keys: str) -> None:
    open_reply(page, 2).fill("by keys")
    page.keyboard.press(keys)
    page.wait_for_url("**/#comment-3")
    assert shown_texts(page) == ["second", "by keys", "first"]


def test_form_is_sent_once(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = slow_down_posts(monkeypatch)
    text_field(page).fill("Once")
    button(page, "Post comment").dblclick(delay=200)
    page.wait_for_url("**/#comment-3")
    page.wait_for_timeout(600)
    assert len(calls) == 1


def test_form_can_be_sent_again_after_a_while(page: Page) -> None:
    page.clock.install()
    page.goto("/")
    page.route("**/*", lambda route: route.fulfill(status=204) if route.request.method == "POST" else route.fallback())
    text_field(page).fill("Stopped")
    button(page, "Post comment").click()
    assert button(page, "Post comment").is_disabled()
    page.clock.run_for(10_000)
    assert button(page, "Post comment").is_enabled()
