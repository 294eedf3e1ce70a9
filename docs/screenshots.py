"""Take pictures of the running program: `python docs/screenshots.py`.

Writes into docs/images each state of the page on a desk and on a phone, and the picture of the README.
With a folder, `python docs/screenshots.py FOLDER`, it writes every state on every screen in light and
in dark there, to be looked at after a change of the style sheet.

The database is a temporary one and every time in it is fixed, so one machine makes the same pictures
again. Wants the extra `test`, and a Chromium: the system's, or the one that playwright installs.
"""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Literal

from flask import Flask
from flask_migrate import upgrade
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import text
from werkzeug.serving import WSGIRequestHandler, make_server

from commentsite import create_app
from commentsite.comments.models import Comment
from commentsite.db import db

Look = tuple[str, Literal["light", "dark"]]

IMAGES = Path(__file__).parent / "images"
SCREENS = {"desk": (1280, 640), "phone": (320, 640)}
KEPT: tuple[Look, ...] = (("desk", "light"), ("phone", "dark"))
EVERY: tuple[Look, ...] = (*KEPT, ("desk", "dark"), ("phone", "light"))
SCALE = 1.5  # of the picture of the README
NEWEST = datetime(2017, 7, 7, 18, 47, tzinfo=timezone.utc)
APART = timedelta(hours=7, minutes=13)

# Newest first.
TALK = (
    "The bench by the pond is back! Thank you to whoever carried it down the hill. I sat there for an hour this "
    "afternoon and watched the swifts.",
    "We are eleven for the walk on Sunday. Bring water and something for the rain.\n\n"
    "If the bridge is still closed, we meet at the mill instead:\n  09:30  mill\n  10:15  chapel\n  12:00  lunch",
    "Do you know when the bakery opens again? The notice says “soon”, and that was in May 🥐",
    "Es hat mich sehr gefreut, so viele von früher wiederzusehen. Bis nächstes Jahr!",
    "Found on the path to the chapel: one child's shoe, blue, left foot. It hangs on the gate.",
    "The water was off again this morning, from six to about half past eight. Is it the pump?",
    "شكرا على حفل الصيف الجميل، لقد استمتع الأطفال كثيرا.",
    "I have far too many courgettes. Please take some; the basket stands in front of number 12.",
)
ODD = (
    '<script>alert("no")</script> stays what was typed, and so do\n\tindents   and   wide   gaps.',
    None,
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2,
    "شكرا جزيلا على هذا المقال المفيد. هل يمكنكم نشر الجزء الثاني قريبا؟\n\nAnd in English: when is part two?",
    "👩‍🚀🏳️‍🌈🇺🇦👍🏽🥐🌊 " * 9,
)
TYPED = "I wrote this with care, and I would be sorry to lose it.\n\nIt has two paragraphs."


@dataclass(frozen=True)
class State:
    """One thing to see: the comments that are there, newest first, and the way to it from a new tab."""

    name: str
    comments: tuple[str | None, ...]
    go: Callable[[Page, str], object]


def read(page: Page, url: str) -> None:
    page.goto(url)


def read_odd(page: Page, url: str) -> None:
    page.goto(url)
    page.locator("#comments").evaluate("heading => heading.scrollIntoView()")


def read_older(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("link", name="Older comments").click()


def read_end_of_older(page: Page, url: str) -> None:
    read_older(page, url)
    page.get_by_role("button").scroll_into_view_if_needed()


def follow_permalink(page: Page, url: str) -> None:
    page.goto(f"{url}/comments/7")


def go_astray(page: Page, url: str) -> None:
    page.goto(f"{url}/nowhere")


def post_too_much(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_label("Your comment").fill("\n\n".join([TALK[0]] * 30))
    page.get_by_role("button").click()
    page.get_by_role("alert").wait_for()


def post_from_elsewhere(page: Page, url: str) -> None:
    page.set_content(f'<form method="post" action="{url}"><textarea name="content">{TYPED}</textarea><button>')
    page.get_by_role("button").click()
    page.wait_for_url(f"{url}/")


def post_without_database(page: Page, url: str) -> None:
    # The page with the form cannot be shown either, so the browser's first request is made the post.
    page.route(f"{url}/", lambda route: route.continue_(method="POST", headers=FORM, post_data=f"content={TYPED}"))
    page.goto(url)


FORM = {"Content-Type": "application/x-www-form-urlencoded"}

STATES = (
    State("talk", TALK, read),
    State("empty", (), read),
    State("odd", ODD, read_odd),
    State("older", TALK * 20, read_older),
    State("older-end", TALK * 20, read_end_of_older),
    State("permalink", TALK, follow_permalink),
    State("not-found", (), go_astray),
    State("too-long", (), post_too_much),
    State("from-elsewhere", (), post_from_elsewhere),
    State("away", (), post_without_database),
)


class SilentHandler(WSGIRequestHandler):
    """Serves without a line for each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def main() -> None:
    """Write the pictures and print the name and size of each."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else IMAGES
    looks = EVERY if sys.argv[1:] else KEPT
    folder.mkdir(exist_ok=True)
    logging.disable(logging.ERROR)  # nobody asked here what the migrations do, or that a database is away
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for state in STATES:
            with served(Path(data) / state.name, state) as url:
                for look in looks:
                    picture = take(browser, url, state, look)
                    (folder / "-".join((state.name, *look))).with_suffix(".png").write_bytes(picture)
        with served(Path(data) / "page", STATES[0]) as url:
            (folder / "page.png").write_bytes(composed(browser, url))
        browser.close()
    for image in sorted(folder.glob("*.png")):
        print(f"{image.stat().st_size:9,}  {image}")


@contextmanager
def served(folder: Path, state: State) -> Iterator[str]:
    """Serve a site with the comments of `state` in a thread, and give its address."""
    app = create_app(
        {
            "DATA_DIR": str(folder),
            "DATABASE_URL": f"sqlite:///{folder}/comments.db",
            "TITLE": "Lower Mill, the village board",
            "DESCRIPTION": "What is going on in Lower Mill.",
            "TIMEZONE": "UTC",
        }
    )
    fill(app, state)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=SilentHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fill(app: Flask, state: State) -> None:
    """Make the tables of `state` and its comments, the newest posted at NEWEST."""
    with app.app_context():
        upgrade()
        for back, content in reversed(list(enumerate(state.comments))):
            db.session.add(Comment(content=content, posted=NEWEST - back * APART))
            db.session.flush()  # one by one, so that ids run with the time
        if state.go is post_without_database:
            db.session.execute(text("DROP TABLE comments"))
        db.session.commit()


def take(browser: Browser, url: str, state: State, look: Look, *, scale: float = 1) -> bytes:
    """Return a picture of `state`, served at `url`."""
    screen, scheme = look
    width, height = SCREENS[screen]
    with browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        device_scale_factor=scale,
        bypass_csp=True,  # for the style below
    ) as context:
        page = context.new_page()
        state.go(page, url)
        page.add_style_tag(content="textarea { caret-color: transparent }")  # a caret blinks
        return page.screenshot()


def composed(browser: Browser, url: str) -> bytes:
    """Return the picture of the README: the page on a desk, and on a phone in dark before it."""
    desk, phone = (b64encode(take(browser, url, STATES[0], look, scale=SCALE)).decode() for look in KEPT)
    with browser.new_context(viewport={"width": 1080, "height": 640}, device_scale_factor=SCALE) as context:
        page = context.new_page()
        page.set_content(
            f'<body style="margin: 0; background: url(data:image/png;base64,{desk}) -192px 0 / {SCREENS["desk"][0]}px">'
            '<img style="position: absolute; right: 40px; top: 40px; border-radius: 20px; '
            "object-fit: cover; object-position: top; width: 280px; height: 520px; "
            f'box-shadow: 0 12px 36px #0006" src="data:image/png;base64,{phone}">'
        )
        return page.screenshot()


if __name__ == "__main__":
    main()
