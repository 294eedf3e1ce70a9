"""Reading in a browser: nothing sticks out, nothing runs, nothing comes from elsewhere, every link leads on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from flask import Flask

from .conftest import OpenPage
from .conversations import STATES, fill_conversation, open_conversation
from .pages import (
    ODD_TEXTS,
    TOO_LONG,
    fill_site,
    has_no_sideways_scroll,
    open_missing,
    open_newest,
    open_older,
    open_refused,
    post,
    shown_texts,
    text_field,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page

# What a browser makes of the pages does not depend on the database.
pytestmark = [pytest.mark.browser, pytest.mark.only_on("sqlite")]

RUN = "window.ran = true"
HOSTILE = [
    f"<script>{RUN}</script>",
    f'"><img src=x onerror="{RUN}">',
    f"'><svg onload='{RUN}'>",
    f"</div></article><iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    f"</textarea></p><body onfocus={RUN}><input autofocus onfocus='{RUN}'>",
    f"{{{{ 7 * 7 }}}} {{% raw %}} javascript:{RUN} &lt;script&gt;{RUN}&lt;/script&gt;",
]

PAGES = [open_newest, open_older, open_refused, open_missing]
# A box to tick is tapped by its label, and a link within a sentence cannot be made larger than its line.
TO_TAP = ":is(a, button, textarea, summary, .check label, .field input):not(.comment-text a, [type=hidden])"


@pytest.mark.parametrize("width", [320, 1600])
def test_odd_texts_do_not_stick_out(app: Flask, open_page: OpenPage, width: int) -> None:
    fill_site(app, texts=ODD_TEXTS)
    page = open_page(width=width)
    page.goto("/")
    assert page.get_by_role("article").count() == len(ODD_TEXTS)
    assert page.get_by_text("This comment has no text.").count() == 2
    assert has_no_sideways_scroll(page)
    post(page, TOO_LONG)
    page.get_by_role("alert").wait_for()
    assert has_no_sideways_scroll(page)


def test_odd_texts_stay_within_their_comment(app: Flask, open_page: OpenPage) -> None:
    fill_site(app, texts=ODD_TEXTS)
    page = open_page(width=320)
    page.goto("/")
    for text in page.locator(".comment-text p").all():
        wide, room = text.evaluate("paragraph => [paragraph.scrollWidth, paragraph.clientWidth]")
        assert wide <= room


@pytest.mark.parametrize("go", PAGES)
def test_everything_to_tap_is_44_pixels(app: Flask, open_page: OpenPage, go: Callable[[Page], None]) -> None:
    fill_site(app, count=120)
    page = open_page(width=320)
    go(page)
    assert smallest_to_tap(page) >= 44


@pytest.mark.parametrize("go", PAGES)
def test_no_text_is_below_16_pixels(app: Flask, open_page: OpenPage, go: Callable[[Page], None]) -> None:
    fill_site(app, count=120)
    page = open_page(width=320)
    go(page)
    assert smallest_text(page) >= 16


@pytest.mark.parametrize("go", STATES)
def test_conversation_fits_a_small_phone(app: Flask, open_page: OpenPage, go: Callable[[Page], None]) -> None:
    fill_conversation(app)
    page = open_page(width=320)
    go(page)
    assert has_no_sideways_scroll(page)
    assert smallest_to_tap(page) >= 44
    assert smallest_text(page) >= 16
    assert widest_overflow(page) <= 0


@pytest.mark.parametrize("width", [640, 768, 1280, 1600])
def test_conversation_fits_wider_screens(app: Flask, open_page: OpenPage, width: int) -> None:
    fill_conversation(app)
    page = open_page(width=width)
    open_conversation(page)
    assert has_no_sideways_scroll(page)
    assert widest_overflow(page) <= 0


def test_replies_keep_their_measure(app: Flask, open_page: OpenPage) -> None:
    fill_conversation(app)
    page = open_page(width=1280)
    open_conversation(page)
    assert width_of_text(page, level=4) == width_of_text(page, level=0)
    page.set_viewport_size({"width": 320, "height": 640})
    assert width_of_text(page, level=0) - width_of_text(page, level=4) == 4 * 12


def test_print_has_every_word_and_no_form(app: Flask, open_page: OpenPage) -> None:
    fill_conversation(app)
    page = open_page(scheme="dark")
    open_conversation(page)
    page.emulate_media(media="print")
    assert all(text.is_visible() for text in page.locator(".comment-text, .comment-name, .comment-meta").all())
    assert not any(part.is_visible() for part in page.locator("form, nav, .comment-actions").all())
    assert page.locator("body").evaluate("body => getComputedStyle(body).color") == "rgb(0, 0, 0)"


@pytest.mark.parametrize("go", [open_newest, open_conversation])
def test_nothing_moves(app: Flask, open_page: OpenPage, go: Callable[[Page], None]) -> None:
    fill_conversation(app)
    page = open_page()
    go(page)
    assert page.evaluate("document.getAnimations().length") == 0
    moving = "each => getComputedStyle(each).transitionDuration !== '0s'"
    assert not page.locator("body *").evaluate_all(f"found => found.some({moving})")


def smallest_to_tap(page: Page) -> float:
    """Return the shorter side of the smallest thing to tap that shows."""
    sides = page.locator(TO_TAP).evaluate_all(
        "found => found.filter(each => each.checkVisibility()).map(each => each.getBoundingClientRect())"
        ".map(box => Math.min(box.width, box.height))"
    )
    return float(min(sides))


def smallest_text(page: Page) -> float:
    sizes = page.locator("body *").evaluate_all(
        "found => found.map(each => parseFloat(getComputedStyle(each).fontSize))"
    )
    return float(min(sizes))


def widest_overflow(page: Page) -> float:
    """Return how far words stick out of the box that holds them, where they do most."""
    found = page.locator(
        ".comment-text, .comment-text *:not(span, code, a, em, strong, br), .comment-name, .comment-meta"
    )
    return float(max(found.evaluate_all("found => found.map(each => each.scrollWidth - each.clientWidth)"), default=0))


def width_of_text(page: Page, *, level: int) -> float:
    return float(page.locator(f".level-{level} .comment-text").first.evaluate("text => text.clientWidth"))


def test_hostile_text_is_shown_and_does_not_run(app: Flask, open_page: OpenPage) -> None:
    fill_site(app, texts=[*HOSTILE])
    page = open_page(csp=False)  # the escaping has to hold by itself
    page.goto("/", wait_until="networkidle")
    assert shown_texts(page) == HOSTILE[::-1]
    assert page.evaluate("window.ran") is None


def test_hostile_text_does_not_run_when_refused(open_page: OpenPage) -> None:
    hostile = "".join(f"</textarea>{each}" for each in HOSTILE) + TOO_LONG
    page = open_page(csp=False)
    page.goto("/")
    post(page, hostile)
    page.get_by_role("alert").wait_for()
    assert text_field(page).input_value() == hostile
    assert page.evaluate("window.ran") is None


@pytest.mark.parametrize("go", PAGES)
def test_page_loads_all_it_asks_for_and_asks_nobody_else(
    app: Flask, open_page: OpenPage, site_url: str, go: Callable[[Page], None]
) -> None:
    fill_site(app, count=120)
    page = open_page()
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    go(page)
    page.wait_for_load_state("networkidle")
    assert any(url.startswith(f"{site_url}/static/site.css?v=") for url in asked)
    assert [url for url in asked if not url.startswith(f"{site_url}/")] == []
    # Chromium says there that a page was answered with 422 or 404, as it should be.
    assert [text for text in said if "the server responded with a status of 4" not in text] == []


def test_permalink_leads_to_its_page_and_into_view(app: Flask, open_page: OpenPage) -> None:
    ids = fill_site(app, count=120)
    page = open_page(width=320)
    open_older(page)
    wanted = page.locator(f"#comment-{ids[60]}")
    wanted.locator(".comment-meta a").click()
    page.locator(f"#comment-{ids[60]}:target").wait_for()
    assert page.get_by_role("article").count() == 50
    box = wanted.bounding_box()
    assert box
    assert 0 <= box["y"] < 100


def test_links_lead_through_all_pages_and_back(app: Flask, open_page: OpenPage) -> None:
    ids = fill_site(app, count=120)
    numbers = [f"comment {number}" for number in range(len(ids), 0, -1)]
    page = open_page(scripts=False)
    page.goto("/")
    assert shown_texts(page) == numbers[:50]
    for first, name in ((50, "Older"), (100, "Older"), (50, "Newer"), (0, "Newer")):
        page.get_by_role("link", name=f"{name} comments").last.click()
        page.get_by_text(numbers[first], exact=True).wait_for()
        assert shown_texts(page) == numbers[first : first + 50]
    assert page.get_by_role("link", name="Newer comments").count() == 0
