"""What the tests of the script do on a page, and how they have it fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Request, Route


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
