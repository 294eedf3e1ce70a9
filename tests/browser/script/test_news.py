"""New comments that script announces, and the times it adds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask

from commentsite.comments import operations
from tests.factories import MOMENT

from ..conftest import OpenPage
from ..pages import add_texts, post, text_field
from ..test_accessibility import assert_axe_finds_nothing
from .steps import FAILURES, Answer, answer_script, asked_by_script, open_reply

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

# What a browser makes of the pages does not depend on the database.
pytestmark = [pytest.mark.browser, pytest.mark.only_on("sqlite")]


@pytest.fixture
def watching(page: Page) -> Page:
    """A tab on a thread of two comments, whose clock the test sets forward."""
    page.clock.install()
    page.goto("/")
    return page


def poll_after(page: Page, seconds: int) -> Any:
    """Set the clock forward and return the answer to the question whether there are new comments.

    Not by much more than it takes to be asked: a question that is open for too long by this clock is given up.
    """
    with page.expect_response(lambda response: response.request.resource_type == "fetch") as answer:
        page.clock.run_for(seconds * 1000)
    page.wait_for_timeout(200)  # for the script to read it
    return answer.value


def hide(page: Page, *, hidden: bool) -> None:
    page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


def news(page: Page) -> Locator:
    return page.get_by_role("status").get_by_role("link")


def test_new_comments_are_announced_and_shown_by_the_link(watching: Page, app: Flask) -> None:
    text_field(watching).press_sequentially("half a")
    add_texts(app, "third", "fourth")
    poll_after(watching, 31)
    assert news(watching).inner_text() == "2 new comments"
    assert text_field(watching).and_(watching.locator(":focus")).input_value() == "half a"
    news(watching).press("Enter")
    watching.get_by_text("fourth").wait_for()
    assert text_field(watching).input_value() == "half a"
    assert news(watching).count() == 0


def test_polling_asks_without_cookies_and_by_the_tag(page: Page) -> None:
    post(page, "mine")
    page.clock.install()
    page.goto("/")
    first, second = poll_after(page, 31), poll_after(page, 46)
    assert (first.status, second.status) == (200, 304)
    assert second.request.all_headers()["if-none-match"] == first.headers["etag"]
    assert not any("cookie" in answer.request.all_headers() for answer in (first, second))


def test_polling_adds_up_what_is_new(watching: Page, app: Flask) -> None:
    add_texts(app, "third")
    poll_after(watching, 31)
    assert news(watching).inner_text() == "1 new comment"
    add_texts(app, "fourth")
    poll_after(watching, 31)
    assert news(watching).inner_text() == "2 new comments"


def test_deletion_does_not_hide_a_new_comment(watching: Page, app: Flask) -> None:
    with app.app_context():
        operations.delete_comment(1, window_minutes=10**9)
    poll_after(watching, 31)
    assert news(watching).count() == 0
    add_texts(app, "third")
    poll_after(watching, 46)
    assert news(watching).inner_text() == "1 new comment"


def test_polling_backs_off_while_nothing_is_new(watching: Page) -> None:
    poll_after(watching, 31)
    asked = asked_by_script(watching)
    watching.clock.run_for(40_000)
    assert asked == []
    for seconds in (5, 68, 102, 153, 229, 343, 514, 600, 600):
        poll_after(watching, seconds)
    watching.clock.run_for(590_000)
    assert len(asked) == 9


def test_polling_stops_while_hidden_and_goes_on_at_once(watching: Page) -> None:
    poll_after(watching, 31)
    asked = asked_by_script(watching)
    hide(watching, hidden=True)
    watching.clock.run_for(3_600_000)
    assert asked == []
    with watching.expect_response(lambda response: response.status == 304):
        hide(watching, hidden=False)
        watching.clock.run_for(10)


def test_polling_does_not_ask_at_once_what_it_has_just_asked(watching: Page) -> None:
    poll_after(watching, 31)
    asked = asked_by_script(watching)
    for hidden in (True, False, True, False):
        hide(watching, hidden=hidden)
        watching.clock.run_for(10)
    assert asked == []


@pytest.mark.parametrize("answer", FAILURES)
def test_polling_goes_on_after_a_failure(watching: Page, app: Flask, answer: Answer) -> None:
    add_texts(app, "third")
    answer_script(watching, answer)
    with watching.expect_request(lambda request: request.resource_type == "fetch"):
        watching.clock.run_for(31_000)
    watching.wait_for_timeout(200)
    assert news(watching).count() == 0
    watching.unroute_all()
    poll_after(watching, 46)
    assert news(watching).inner_text() == "1 new comment"


@pytest.mark.parametrize("header", ["3600", "date"])
def test_polling_leaves_the_server_alone_as_long_as_it_says(watching: Page, header: str) -> None:
    in_an_hour = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3630))
    headers = {"Retry-After": in_an_hour if header == "date" else header}
    answer_script(watching, lambda route: route.fulfill(status=503, headers=headers))
    poll_after(watching, 31)
    asked = asked_by_script(watching)
    hide(watching, hidden=False)
    watching.clock.run_for(3_580_000)
    assert asked == []
    poll_after(watching, 25)


def test_closed_thread_is_not_watched(watching: Page, app: Flask) -> None:
    with app.app_context():
        operations.close_thread("/")
    watching.goto("/")
    asked = asked_by_script(watching)
    watching.clock.run_for(600_000)
    assert asked == []


HOURS = 3600 * 1000


def times_in(page: Page) -> str:
    return page.locator("#comment-1 .comment-meta").inner_text()


@pytest.mark.parametrize(
    ("zone", "own"),
    [
        ("UTC", ""),
        ("Africa/Accra", ""),
        ("Europe/Berlin", " · 20:47 your time"),
        ("Asia/Tokyo", " · Jul 8, 2017, 03:47 your time"),
    ],
)
def test_age_and_own_time_stand_beside_the_time(app: Flask, open_page: OpenPage, zone: str, own: str) -> None:
    add_texts(app, "first")
    page = open_page(zone=zone)
    page.clock.install(time=MOMENT.timestamp() + 3 * 3600 + 30)
    page.goto("/")
    assert times_in(page) == f"Posted Friday, 07 July 2017 at 18:47 UTC · 3 hours ago{own}"


def test_age_grows_while_the_page_is_open(app: Flask, open_page: OpenPage) -> None:
    add_texts(app, "first")
    page = open_page()
    page.clock.install(time=MOMENT.timestamp() + 1)
    page.goto("/")
    ages = [times_in(page).partition(" · ")[2]]
    for hours in (0.02, 1, 24, 24, 24 * 29, 24 * 400):
        page.clock.fast_forward(int(hours * HOURS))
        page.clock.run_for(61_000)
        ages.append(times_in(page).partition(" · ")[2])
    assert ages == ["just now", "2 minutes ago", "1 hour ago", "1 day ago", "2 days ago", "1 month ago", "1 year ago"]


def test_age_is_not_told_by_a_clock_that_is_wrong(app: Flask, open_page: OpenPage) -> None:
    add_texts(app, "first")
    page = open_page()
    page.clock.install(time=MOMENT.timestamp() - 3600)
    page.goto("/")
    assert times_in(page) == "Posted Friday, 07 July 2017 at 18:47 UTC"


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1280, "dark")])
def test_axe_finds_nothing_in_what_script_adds(app: Flask, open_page: OpenPage, width: int, scheme: str) -> None:
    add_texts(app, "first")
    page = open_page(width=width, scheme=scheme, csp=False, zone="Asia/Tokyo")
    page.clock.install()
    page.goto("/")
    open_reply(page).fill("an *answer*")
    page.locator("#comment-1").get_by_role("button", name="Preview").click()
    page.locator("#comment-1 .preview em").wait_for()
    add_texts(app, "second")
    poll_after(page, 31)
    assert news(page).count() == 1
    assert_axe_finds_nothing(page)


@pytest.mark.parametrize("address", ["/", "/threads", "/comments/1/reply", "/comments/1/replies", "/threads/new"])
def test_script_has_nothing_to_complain_of(page: Page, address: str) -> None:
    page.goto(address, wait_until="networkidle")
    assert page.locator("main").is_visible()
