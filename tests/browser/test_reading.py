"""Reading in a browser: nothing sticks out, nothing runs, nothing comes from elsewhere, every link leads on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from flask import Flask

from .conftest import OpenPage
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

pytestmark = pytest.mark.browser

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
    sides = page.locator("a, button, textarea").evaluate_all(
        "found => found.map(each => each.getBoundingClientRect()).map(box => Math.min(box.width, box.height))"
    )
    assert min(sides) >= 44


@pytest.mark.parametrize("go", PAGES)
def test_no_text_is_below_16_pixels(app: Flask, open_page: OpenPage, go: Callable[[Page], None]) -> None:
    fill_site(app, count=120)
    page = open_page(width=320)
    go(page)
    sizes = page.locator("body *").evaluate_all(
        "found => found.map(each => parseFloat(getComputedStyle(each).fontSize))"
    )
    assert min(sizes) >= 16


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
    assert f"{site_url}/static/site.css" in asked
    assert [url for url in asked if not url.startswith(f"{site_url}/")] == []
    # Chromium says there that a page was answered with 422 or 404, as it should be.
    assert [text for text in said if "the server responded with a status of 4" not in text] == []


def test_permalink_leads_to_its_page_and_into_view(app: Flask, open_page: OpenPage) -> None:
    ids = fill_site(app, count=120)
    page = open_page(width=320)
    open_older(page)
    wanted = page.locator(f"#comment-{ids[60]}")
    wanted.get_by_role("link").click()
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
