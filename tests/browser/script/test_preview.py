"""The preview that script makes while one types."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from flask import Flask

from commentsite.comments import markup
from commentsite.errors import UNPRINTABLE
from tests.texts import hostile_strings, naughty_strings

from ..conftest import OpenPage
from ..pages import text_field
from .steps import FAILURES, Answer, answer_script, asked_by_script, button, open_reply

if TYPE_CHECKING:
    from playwright.sync_api import Page

# What a browser makes of the pages does not depend on the database.
pytestmark = [pytest.mark.browser, pytest.mark.only_on("sqlite")]


def test_preview_follows_the_typing(page: Page) -> None:
    text_field(page).fill("*one*")
    button(page, "Preview").click()
    preview = page.get_by_role("region", name="Preview")
    preview.locator("em").get_by_text("one").wait_for()
    assert button(page, "Preview").get_attribute("aria-expanded") == "true"
    text_field(page).fill("**two**")
    preview.locator("strong").get_by_text("two").wait_for()
    text_field(page).fill("")
    preview.locator(".comment-text:empty").wait_for(state="attached")
    button(page, "Preview").click()
    assert preview.count() == 0
    assert page.url.endswith("/")


def test_preview_asks_nothing_before_it_is_asked_for(page: Page) -> None:
    asked = asked_by_script(page)
    text_field(page).press_sequentially("*one* and two")
    page.wait_for_timeout(1000)
    assert asked == []


def test_preview_asks_once_for_a_text(page: Page) -> None:
    text_field(page).fill("one")
    asked = asked_by_script(page)
    button(page, "Preview").click()
    page.locator(".preview p").get_by_text("one").wait_for()
    text_field(page).press_sequentially(" and two", delay=20)
    page.locator(".preview p").get_by_text("one and two").wait_for()
    text_field(page).fill("x")
    text_field(page).fill("one and two")
    page.wait_for_timeout(1000)
    assert len(asked) == 2


def test_preview_has_one_request_under_way(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    under_way, most = [], []

    def render_slowly(text: str) -> markup.Rendered:
        under_way.append(text)
        most.append(len(under_way))
        time.sleep(1)
        under_way.pop()
        return markup.Rendered(f"<p>{text}</p>", "slow")

    monkeypatch.setattr(markup, "rendered", render_slowly)
    text_field(page).fill("0")
    button(page, "Preview").click()
    for digit in "123":
        text_field(page).press_sequentially(digit)
        page.wait_for_timeout(700)
    page.locator(".preview p").get_by_text("0123").wait_for()
    assert max(most) == 1


@pytest.mark.parametrize("answer", FAILURES)
def test_preview_is_a_page_where_script_gets_none(page: Page, answer: Answer) -> None:
    answer_script(page, answer)
    text_field(page).fill("*one*")
    button(page, "Preview").click()
    page.get_by_role("heading", name="Preview").wait_for()
    assert page.locator("section.preview em").inner_text() == "one"
    assert text_field(page).input_value() == "*one*"


def test_preview_of_an_empty_form_says_what_is_missing(page: Page) -> None:
    asked = asked_by_script(page)
    button(page, "Preview").click()
    assert text_field(page).and_(page.locator(":focus:invalid")).count() == 1
    assert asked == []


def test_preview_of_a_reply_is_in_its_form(page: Page) -> None:
    open_reply(page).fill("`code`")
    page.locator("#comment-1").get_by_role("button", name="Preview").click()
    page.locator("#comment-1 form .preview code").wait_for()


def hostile_pages() -> list[str]:
    """Return the hostile and naughty strings in texts of about the length that a comment may have."""
    texts = [""]
    for string in [*hostile_strings()[:400], *naughty_strings()]:
        string = UNPRINTABLE.sub("", string)  # refused
        if len(texts[-1]) + len(string) > 4000:
            texts.append("")
        texts[-1] += f"{string}\n\n"
    return texts


def test_nothing_runs_in_a_preview(app: Flask, open_page: OpenPage) -> None:
    page = open_page(csp=False)  # the markup has to hold by itself
    page.add_init_script(
        "for (const name of ['alert', 'confirm', 'prompt', 'print']) window[name] = () => window.ran = 1"
    )
    page.goto("/")
    text_field(page).fill("begin")
    button(page, "Preview").click()
    for number, text in enumerate(hostile_pages()):
        text_field(page).fill(f"{text}\n\nend{number}.")
        page.locator(".preview").get_by_text(f"end{number}.").wait_for()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.ran") is None
    assert page.locator(".preview :is(script, iframe, form, input, style, svg, [onerror], [onload])").count() == 0
