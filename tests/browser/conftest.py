"""The lane `browser`: pages as a reader has them, in Debian's Chromium."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page


class OpenPage(Protocol):
    """Open a tab on the site: `width` pixels wide, with JavaScript or without, in light or in dark, in a time zone."""

    def __call__(
        self, *, width: int = 1280, scripts: bool = True, scheme: str = "light", csp: bool = True, zone: str = "UTC"
    ) -> Page: ...


@pytest.fixture(scope="session")
def base_url() -> None:
    """Stand before pytest-base-url's fixture of this name, which pytest 9.2 warns of; `open_page` gives the address."""


@pytest.fixture
def open_page(request: pytest.FixtureRequest, lane_missing: Callable[[str], None], site_url: str) -> OpenPage:
    """A function that opens a tab on the site; its addresses begin at the site's."""
    if not request.config.pluginmanager.hasplugin("playwright"):
        lane_missing("no pytest-playwright here: install the extra `test`")
    new_context: Callable[..., Any] = request.getfixturevalue("new_context")

    def open_page(
        *, width: int = 1280, scripts: bool = True, scheme: str = "light", csp: bool = True, zone: str = "UTC"
    ) -> Page:
        context = new_context(
            base_url=site_url,
            viewport={"width": width, "height": 800},
            java_script_enabled=scripts,
            color_scheme=scheme,
            bypass_csp=not csp,
            timezone_id=zone,
        )
        context.set_default_timeout(10_000)
        page: Page = context.new_page()
        return page

    return open_page
