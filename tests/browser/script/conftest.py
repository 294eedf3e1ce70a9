"""The tab that the tests of the script are in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from flask import Flask

from ..conftest import OpenPage
from ..pages import add_texts

if TYPE_CHECKING:
    from playwright.sync_api import Page


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
