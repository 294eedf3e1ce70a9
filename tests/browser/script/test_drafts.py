"""Drafts that script keeps in the browser until they are posted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commentsite.comments import operations
from commentsite.errors import Unavailable

from ..pages import TOO_LONG, post, post_from_another_site, text_field
from .steps import Answer, answer_script, bad_answer, button, new_tab, no_answer, open_reply

if TYPE_CHECKING:
    from playwright.sync_api import Page

# What a browser makes of the pages does not depend on the database.
pytestmark = [pytest.mark.browser, pytest.mark.only_on("sqlite")]


def test_draft_outlives_its_tab(page: Page) -> None:
    text_field(page).press_sequentially("half a thought")
    page = new_tab(page)
    assert text_field(page).input_value() == "half a thought"


def test_drafts_of_replies_are_kept_apart(page: Page) -> None:
    open_reply(page, 1).fill("to the first")
    page = new_tab(page)
    assert text_field(page).input_value() == ""
    assert open_reply(page, 2).input_value() == ""
    assert open_reply(page, 1).input_value() == "to the first"


def test_draft_of_a_change_is_put_over_the_text_it_changes(page: Page) -> None:
    post(page, "mine")
    page.goto("/comments/3/edit")
    text_field(page).fill("mine, chan")
    page = new_tab(page)
    page.goto("/comments/3/edit")
    assert text_field(page).input_value() == "mine, chan"
    text_field(page).fill("mine, changed")
    button(page, "Save").click()
    page.wait_for_url("**/#comment-3")
    page.goto("/comments/3/edit")
    assert text_field(page).input_value() == "mine, changed"
    assert page.evaluate("localStorage.length") == 0


def test_draft_is_gone_after_posting(page: Page) -> None:
    post(page, "done")
    page.wait_for_url("**/#comment-3")
    assert text_field(page).input_value() == ""
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert text_field(new_tab(page)).input_value() == ""


def test_draft_outlives_a_refusal(page: Page) -> None:
    post(page, TOO_LONG)
    page.get_by_role("heading", name="Not posted yet").wait_for()
    assert text_field(new_tab(page)).input_value() == TOO_LONG


def test_draft_outlives_a_site_that_is_away(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "post_comment", lambda *_, **__: (_ for _ in ()).throw(Unavailable("Away.")))
    post(page, "with care")
    page.get_by_role("alert").wait_for()
    assert text_field(page).input_value() == "with care"
    page.goto("/#comment-2")
    assert text_field(page).input_value() == "with care"


@pytest.mark.parametrize("answer", [no_answer, bad_answer])
def test_draft_outlives_answers_that_are_not_ours(page: Page, answer: Answer) -> None:
    page.route("**/*", lambda route: answer(route) if route.request.method == "POST" else route.fallback())
    with page.expect_request(lambda request: request.method == "POST"):
        post(page, "with care")
    page.wait_for_timeout(300)  # for the page that the browser makes of it
    page.goto("/")
    assert text_field(page).input_value() == "with care"


def test_draft_outlives_preview_and_is_gone_after_posting_from_there(page: Page) -> None:
    answer_script(page, no_answer)
    text_field(page).fill("looked at")
    button(page, "Preview").click()
    page.get_by_role("heading", name="Preview").wait_for()
    page.goto("/")
    assert text_field(page).input_value() == "looked at"
    button(page, "Preview").click()
    page.get_by_role("heading", name="Preview").wait_for()
    button(page, "Post comment").click()
    page.wait_for_url("**/#comment-3")
    assert text_field(page).input_value() == ""


def test_draft_does_not_replace_what_the_server_gave_back(page: Page) -> None:
    text_field(page).fill("a draft")
    post_from_another_site(page, "From elsewhere")
    assert text_field(page).input_value() == "From elsewhere"


@pytest.mark.parametrize(("days", "text"), [(29, "old"), (31, "")])
def test_draft_is_dropped_after_a_month(page: Page, days: int, text: str) -> None:
    text_field(page).fill("old")
    age = "([days]) => { for (const [key, text] of Object.entries(localStorage)) { const draft = JSON.parse(text);"
    page.evaluate(f"{age} draft.at -= days * 86400000; localStorage[key] = JSON.stringify(draft); }} }}", [days])
    page = new_tab(page)
    assert text_field(page).input_value() == text
    assert page.evaluate("localStorage.length") == bool(text)


def test_emptied_field_leaves_no_draft(page: Page) -> None:
    text_field(page).fill("never mind")
    text_field(page).fill("")
    assert page.evaluate("localStorage.length") == 0


def test_page_works_where_storage_is_shut(page: Page) -> None:
    page.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage'])"
        "  Object.defineProperty(window, name, { get() { throw new Error('shut'); } });"
    )
    page.goto("/")
    open_reply(page).fill("*no* drafts")
    button(page, "Post reply").click()
    page.locator("#comment-3 em").wait_for()
