"""Published hostile texts as comments and names: in the browser nothing of them runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flask import Flask

from commentsite.comments.forms import comment_draft
from commentsite.comments.operations import Addition, add_comments
from commentsite.comments.policy import plain_name
from commentsite.errors import InvalidInput
from tests.factories import MOMENT
from tests.texts import hostile_strings, naughty_strings, spec_examples

from .conftest import OpenPage

if TYPE_CHECKING:
    from playwright.sync_api import Dialog, Page, Request

# What a browser makes of the pages does not depend on the database.
pytestmark = [pytest.mark.browser, pytest.mark.only_on("sqlite")]


def taken(texts: list[str]) -> list[str]:
    """Return those that a form takes as comments."""
    found = []
    for text in texts:
        try:
            found.append(comment_draft({"content": text}).content)
        except InvalidInput:
            continue
    return found


def what_happens(page: Page, site_url: str) -> list[str]:
    """Return a list that grows with all that a page does by itself, or asks of others."""
    happened: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        happened.append(dialog.message)
        dialog.dismiss()

    def note(request: Request) -> None:
        if not request.url.startswith(f"{site_url}/"):
            happened.append(request.url)

    page.on("dialog", dismiss)
    page.on("request", note)
    page.on("console", lambda message: happened.append(message.text))
    page.on("pageerror", lambda error: happened.append(str(error)))
    page.on("popup", lambda popup: happened.append(popup.url))
    return happened


def test_hostile_texts_do_not_run(app: Flask, open_page: OpenPage, site_url: str) -> None:
    texts = taken([*spec_examples(), *naughty_strings(), *hostile_strings()])
    with app.app_context():
        add_comments([Addition(text, MOMENT, name=(plain_name(text) or "")[:80]) for text in texts])
    page = open_page(csp=False)  # the escaping has to hold by itself
    happened = what_happens(page, site_url)
    page.goto("/")
    shown = page.get_by_role("article").count()
    while (onward := page.get_by_role("navigation", name="Pages").get_by_role("link", name="Older")).count():
        onward.click()
        page.wait_for_load_state("networkidle")
        shown += page.get_by_role("article").count()
    assert (shown, happened) == (len(texts), [])
