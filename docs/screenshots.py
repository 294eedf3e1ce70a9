"""Take pictures of the running program: `python docs/screenshots.py`.

Writes into docs/images the main states of the page on a desk and on a phone, and the pictures of the README.
With a folder, `python docs/screenshots.py FOLDER`, it writes every state on every screen in light and
in dark there, to be looked at after a change of the style sheet; names after it choose states.

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal
from unittest import mock

from flask import Flask
from flask_migrate import upgrade
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sqlalchemy import select, text
from village import CLOSING, COURGETTES, LONG_KEY, NEWEST, ODD, OLD, TALK, TYPED, Said
from werkzeug.serving import WSGIRequestHandler, make_server

from commentsite import create_app
from commentsite.comments import cookies, operations, tree, views
from commentsite.comments.models import Comment
from commentsite.comments.policy import mark
from commentsite.db import db

Scheme = Literal["light", "dark"]
Look = tuple[str, Scheme]

IMAGES = Path(__file__).parent / "images"
SCREENS = {"desk": (1280, 800), "phone": (320, 640), "wide": (1600, 900)}
DESK: tuple[Look, ...] = (("desk", "light"),)
PHONE: tuple[Look, ...] = (("phone", "dark"),)
BOTH: tuple[Look, Look] = (DESK[0], PHONE[0])
EVERY: tuple[Look, ...] = tuple((screen, scheme) for screen in SCREENS for scheme in ("light", "dark"))
SCALE = 1.5  # of the pictures of the README
NOW = NEWEST + timedelta(minutes=4)


@dataclass(frozen=True)
class State:
    """One thing to see: the comments that are there by thread, the way to it from a new tab, and the looks kept."""

    name: str
    threads: Mapping[str, Sequence[Said]]
    go: Callable[[Page, str], object]
    kept: tuple[Look, ...] = ()


def read(page: Page, url: str, path: str = "/") -> None:
    page.goto(url + path)


def read_at(selector: str) -> Callable[[Page, str], None]:
    """Return what opens the first page and brings a part of it to the top."""

    def go(page: Page, url: str) -> None:
        page.goto(url)
        bring_up(page, selector)

    return go


def bring_up(page: Page, selector: str) -> None:
    room = 0 if selector.startswith("#comment-") else 20  # above a comment is the end of another
    top = f"found.getBoundingClientRect().top + scrollY - {room}"
    page.locator(selector).evaluate(f"found => scrollTo(0, {top})")


def read_older(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("link", name="Older comments").click()


def read_end_of_older(page: Page, url: str) -> None:
    read_older(page, url)
    page.get_by_role("button", name="Post").scroll_into_view_if_needed()


def read_end_of_branch(page: Page, url: str) -> None:
    page.goto(url)
    page.locator(".more").evaluate("more => more.scrollIntoView({block: 'end'})")


def follow_more(page: Page, url: str) -> None:
    page.goto(f"{url}/comments/1/replies")


def follow_permalink(page: Page, url: str) -> None:
    page.goto(f"{url}/comments/9")


def go_astray(page: Page, url: str) -> None:
    page.goto(f"{url}/nowhere")


def type_comment(page: Page, content: str, button: str) -> None:
    page.get_by_label("Your comment").fill(content)
    page.get_by_role("button", name=button).click()


def post_with_mistakes(page: Page, url: str) -> None:
    page.goto(url)
    page.locator("summary").click()
    page.get_by_label("Name").fill("Ines Okafor")
    page.get_by_label("E-mail").fill("ines@mill")
    page.get_by_label("Website").fill("javascript:alert(1)")
    page.locator("form").evaluate("form => form.noValidate = true")  # what the browser asks is not what we say
    type_comment(page, TYPED, "Post")
    page.get_by_role("alert").first.wait_for()


def post_too_much(page: Page, url: str) -> None:
    page.goto(url)
    type_comment(page, "\n\n".join([TYPED] * 60), "Post")
    page.get_by_role("alert").wait_for()


def post_from_elsewhere(page: Page, url: str) -> None:
    page.set_content(f'<form method="post" action="{url}"><textarea name="content">{TYPED}</textarea><button>')
    page.get_by_role("button").click()
    page.wait_for_url(f"{url}/")


def post_without_database(page: Page, url: str) -> None:
    # The page with the form cannot be shown either, so the browser's first request is made the post.
    page.route(f"{url}/", lambda route: route.continue_(method="POST", headers=FORM, post_data=f"content={TYPED}"))
    page.goto(url)


def look_before_posting(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_label("Name").fill("Bruno")
    type_comment(page, TALK[9].content or "", "Preview")
    page.locator(".preview").wait_for()


def open_reply(page: Page, url: str) -> None:
    page.goto(f"{url}/comments/2/reply")


def reply_in_place(page: Page, url: str) -> None:
    page.goto(url)
    bring_up(page, "#comment-2")
    page.locator("#comment-2 a.in-place").click()
    page.get_by_label("Your reply").fill("And thank you for the new screws.")


def post_own(page: Page, url: str) -> None:
    """Post a comment, which the browser may then change for a while."""
    page.goto(url)
    page.get_by_label("Name").fill("Fatima")
    type_comment(page, TYPED, "Post")
    page.wait_for_url("**#comment-*")


def read_own(page: Page, url: str) -> None:
    post_own(page, url)
    bring_up(page, ".comments-head")


def edit_own(page: Page, url: str) -> None:
    post_own(page, url)
    page.goto(f"{url}/comments/19/edit")


def edit_twice(page: Page, url: str) -> None:
    edit_own(page, url)
    other = page.context.new_page()
    other.goto(page.url)
    type_comment(other, f"{TYPED}\n\nAnd a *third* that came from the other tab.", "Save")
    other.wait_for_url("**#comment-*")
    other.close()
    type_comment(page, "I wrote this with more care.\n\nIt has two paragraphs.", "Save")
    page.get_by_role("alert").wait_for()


def wait_for_news(page: Page, url: str) -> None:
    page.clock.install(time=NOW)
    page.goto(url)
    page.request.post(url, form={"content": TYPED})
    page.clock.fast_forward("00:40")
    page.locator(".news a").wait_for()
    bring_up(page, ".comments-head")


def delete_own(page: Page, url: str) -> None:
    post_own(page, url)
    page.goto(f"{url}/comments/19/delete")


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HOME = {"/": TALK}
NONE: Mapping[str, Sequence[Said]] = {"/": ()}
LISTED = {
    "/": TALK,
    "/blog/the-bench": TALK[:3],
    "/2017/07/summer-party": CLOSING,
    "/حفل/الصيف": (TALK[12],),
    "/walks/" + "along-the-river-and-back-" * 6 + "again": OLD[:9],
}

STATES = (
    State("talk", HOME, read, BOTH),
    State("replies", HOME, read_at(".comments-head"), (("wide", "light"),)),
    State("markdown", HOME, read_at("#comment-8"), PHONE),
    State("deleted", HOME, read_at("#comment-13"), BOTH),
    State("permalink", HOME, follow_permalink, DESK),
    State("empty", NONE, read, PHONE),
    State("refused", NONE, post_with_mistakes, BOTH),
    State("too-long", NONE, post_too_much),
    State("preview", NONE, look_before_posting, PHONE),
    State("reply", HOME, open_reply, DESK),
    State("reply-in-place", HOME, reply_in_place, PHONE),
    State("news", HOME, wait_for_news, DESK),
    State("own", HOME, read_own, PHONE),
    State("edit", HOME, edit_own),
    State("conflict", HOME, edit_twice, DESK),
    State("delete", HOME, delete_own, PHONE),
    State("closed", {"/": CLOSING}, read, DESK),
    State("more", {"/": COURGETTES}, read_end_of_branch, DESK),
    State("branch", {"/": COURGETTES}, follow_more),
    State("threads", LISTED, lambda page, url: read(page, url, "/threads"), DESK),
    State("odd", {"/": ODD}, read_at("#comment-1"), BOTH),
    State("odd-key", {LONG_KEY: ODD}, lambda page, url: read(page, url, f"/threads{LONG_KEY}"), PHONE),
    State("older", {"/": OLD}, read_older, DESK),
    State("older-end", {"/": OLD}, read_end_of_older),
    State("not-found", NONE, go_astray, DESK),
    State("from-elsewhere", NONE, post_from_elsewhere),
    State("away", NONE, post_without_database, PHONE),
)
# The pictures of the README: what stands behind, and what before it.
README = {"page": ("replies", *BOTH), "write": ("markdown", ("desk", "dark"), ("phone", "light"))}


class SilentHandler(WSGIRequestHandler):
    """Serves without a line for each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def main() -> None:
    """Write the pictures and print the name and size of each."""
    folder, chosen = Path(sys.argv[1]) if sys.argv[1:] else IMAGES, set(sys.argv[2:])
    folder.mkdir(exist_ok=True)
    logging.disable(logging.ERROR)  # nobody asked here what the migrations do, or that a database is away
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright, fixed_time():
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for state in STATES:
            if not chosen or state.name in chosen:
                for look in EVERY if sys.argv[1:] else state.kept:
                    picture = take(browser, Path(data), state, look)
                    (folder / "-".join((state.name, *look))).with_suffix(".png").write_bytes(picture)
        for name in README.keys() if not chosen else README.keys() & chosen:
            (folder / f"{name}.png").write_bytes(composed(browser, Path(data), *README[name]))
        browser.close()
    for image in sorted(folder.glob("*.png")):
        print(f"{image.stat().st_size:9,}  {image}")


@contextmanager
def fixed_time() -> Iterator[None]:
    """Have comments that are posted meanwhile be posted at NOW."""
    with ExitStack() as stack:
        for module in (operations, cookies, views):
            stack.enter_context(mock.patch.object(module, "utc_now", return_value=NOW))
        yield


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
            "SECRET_KEY": "the same marks in every picture",
        }
    )
    fill(app, state, folder.parent / "empty.db")
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=SilentHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fill(app: Flask, state: State, empty: Path) -> None:
    """Make the comments of `state`, in tables that are made once and then copied from `empty`."""
    with app.app_context():
        database = Path(app.config["DATABASE_URL"].database)
        if not empty.exists():
            upgrade()
            db.session.remove()
            db.engine.dispose()
            shutil.copy(database, empty)
        shutil.copy(empty, database)
        for key, said in state.threads.items():
            add_talk(key, said)
        if state.name == "closed":
            operations.close_thread("/")
        if state.go is post_without_database:
            db.session.execute(text("DROP TABLE comments"))
            db.session.commit()


def add_talk(key: str, said: Sequence[Said]) -> None:
    """Store what was said in a thread."""
    if not said:
        return
    operations.add_comments(
        [
            operations.Addition(
                content=each.content or "",
                posted=NEWEST - each.back,
                name=each.name,
                mark=mark("village", sender=str(each.back), email=each.name),
                parent=each.to,
            )
            for each in said
        ],
        thread_key=key,
    )
    thread = tree.locked_thread(db.session, key)
    rows = db.session.scalars(select(Comment).where(Comment.thread_id == thread.id).order_by(Comment.id)).all()
    for each, row in zip(said, rows, strict=True):
        row.website = each.website
        row.edited = row.posted + timedelta(minutes=6) if each.is_edited else None
        if each.is_deleted:
            tree.empty(row, NEWEST)
            db.session.flush()
            tree.uncount(db.session, thread.id)
    db.session.commit()


def take(browser: Browser, data: Path, state: State, look: Look, *, scale: float = 1) -> bytes:
    """Return a picture of `state`, on a site of its own."""
    folder = Path(tempfile.mkdtemp(dir=data))
    with served(folder, state) as url, new_context(browser, look, scale) as context:
        page = context.new_page()
        page.clock.set_fixed_time(NOW)
        state.go(page, url)
        page.wait_for_load_state("networkidle")
        page.add_style_tag(content="* { caret-color: transparent !important }")  # a caret blinks
        return page.screenshot()


def new_context(browser: Browser, look: Look, scale: float) -> BrowserContext:
    screen, scheme = look
    width, height = SCREENS[screen]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        device_scale_factor=scale,
        timezone_id="UTC",
        locale="en-GB",
        bypass_csp=True,  # for the style of take()
    )
    context.set_default_timeout(10_000)
    return context


def composed(browser: Browser, data: Path, name: str, behind: Look, before: Look) -> bytes:
    """Return a picture of the README: the page on a desk, and on a phone before it."""
    state = next(state for state in STATES if state.name == name)
    desk, phone = (b64encode(take(browser, data, state, look, scale=SCALE)).decode() for look in (behind, before))
    with browser.new_context(viewport={"width": 1080, "height": 680}, device_scale_factor=SCALE) as context:
        page = context.new_page()
        page.set_content(
            f'<body style="margin: 0; background: url(data:image/png;base64,{desk}) -256px 0 / {SCREENS["desk"][0]}px">'
            '<img style="position: absolute; right: 40px; top: 60px; border-radius: 20px; '
            "object-fit: cover; object-position: top; width: 280px; height: 560px; "
            f'box-shadow: 0 12px 36px #0006" src="data:image/png;base64,{phone}">'
        )
        return page.screenshot()


if __name__ == "__main__":
    main()
