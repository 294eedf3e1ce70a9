"""What script adds to the pages, and that links and forms do their work where it fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask

from commentsite.comments import markup, operations
from commentsite.errors import UNPRINTABLE, Unavailable
from tests.factories import MOMENT
from tests.texts import hostile_strings, naughty_strings

from .conftest import OpenPage
from .pages import TOO_LONG, add_texts, post, post_from_another_site, shown_texts, text_field
from .test_accessibility import assert_axe_finds_nothing
from .test_posting import slow_down_posts

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Request, Route

# What a browser makes of the pages does not depend on the database.
pytestmark = [pytest.mark.browser, pytest.mark.only_on("sqlite")]

Answer = Callable[["Route"], None]


def no_answer(route: Route) -> None:
    route.abort()


def bad_answer(route: Route) -> None:
    route.fulfill(status=503, body="Away", content_type="text/plain")


def other_answer(route: Route) -> None:
    route.fulfill(body="<!doctype html><p>Log in to this network first", content_type="text/html")


FAILURES = [no_answer, bad_answer, other_answer]


def answer_script(page: Page, answer: Answer) -> None:
    """Have `answer` come to whatever script asks for; links and forms go to the site."""
    page.route("**/*", lambda route: answer(route) if route.request.resource_type == "fetch" else route.fallback())


def asked_by_script(page: Page) -> list[Request]:
    """Return the list of what script asks for from now on."""
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if request.resource_type == "fetch" else None)
    return asked


def new_tab(page: Page) -> Page:
    """Close the tab and return another of the same browser, on the first thread."""
    context = page.context
    page.close()
    page = context.new_page()
    page.goto("/")
    return page


def open_reply(page: Page, number: int = 1) -> Locator:
    """Open the form for a reply in place and return its text field."""
    page.locator(f"#comment-{number}").get_by_role("link", name="Reply").click()
    return page.locator(f"#comment-{number}").get_by_label("Your reply")


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name)


@pytest.fixture
def page(app: Flask, open_page: OpenPage) -> Iterator[Page]:
    """A tab on a thread of two comments; nothing went wrong in it when the test is over."""
    add_texts(app, "first", "second")
    page = open_page()
    problems: list[str] = []
    page.context.on("weberror", lambda error: problems.append(str(error.error)))
    page.context.on("console", lambda said: problems.append(said.text) if "Failed to load" not in said.text else None)
    page.goto("/")
    yield page
    assert problems == []


# In place.


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


# Drafts.


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


# The preview.


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


# Sending.


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


# New comments.


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


# Times.

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


# All of it.


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
