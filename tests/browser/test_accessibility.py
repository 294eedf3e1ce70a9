"""What axe finds wrong with the pages: nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from flask import Flask

from .conftest import OpenPage
from .conversations import STATES, fill_conversation
from .pages import ODD_TEXTS, fill_site, open_middle, open_missing, open_newest, open_oldest, open_refused

if TYPE_CHECKING:
    from playwright.sync_api import Page

# What a browser makes of the pages does not depend on the database.
pytestmark = [pytest.mark.browser, pytest.mark.only_on("sqlite")]


def assert_axe_finds_nothing(page: Page) -> None:
    from axe_playwright_python.sync_playwright import Axe  # here, where the lane is known to be there

    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("go", [open_newest, open_refused, open_missing])
def test_axe_finds_nothing_on_an_empty_site(open_page: OpenPage, go: Callable[[Page], None], scheme: str) -> None:
    page = open_page(scheme=scheme, csp=False)
    go(page)
    assert_axe_finds_nothing(page)


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1280, "dark")])
@pytest.mark.parametrize("go", [open_newest, open_middle, open_oldest])
def test_axe_finds_nothing_among_comments(
    app: Flask, open_page: OpenPage, go: Callable[[Page], None], width: int, scheme: str
) -> None:
    fill_site(app, count=120, texts=ODD_TEXTS)
    page = open_page(width=width, scheme=scheme, csp=False)
    go(page)
    assert page.get_by_role("article").first.is_visible()
    assert_axe_finds_nothing(page)


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
@pytest.mark.parametrize("go", STATES)
def test_axe_finds_nothing_in_a_conversation(
    app: Flask, open_page: OpenPage, go: Callable[[Page], None], width: int, scheme: str
) -> None:
    fill_conversation(app)
    page = open_page(width=width, scheme=scheme, csp=False)
    go(page)
    assert_axe_finds_nothing(page)
