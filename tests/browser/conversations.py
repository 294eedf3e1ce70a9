"""A conversation with all that one can have, and the ways to the pages that show it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flask import Flask

from commentsite.comments.models import Comment
from commentsite.comments.operations import Addition, add_comments, close_thread
from commentsite.db import db
from tests.factories import MOMENT

from .pages import TOO_LONG, post, text_field

if TYPE_CHECKING:
    from playwright.sync_api import Page

MARKDOWN = """# A heading

A **strong** [link](https://www.example.org/) and `code`, https://www.example.org/

> A quote
> > in a quote

1. one
   - with one in it

```python
def answer(question: str) -> int:  # with care
    return 42
```

***
"""
WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
TEXTS = (
    "At the top",
    MARKDOWN,
    f"{WORD * 3}\n\n```\n{WORD * 3}\n```",
    "شكرا جزيلا على هذا المقال",
    "👩‍🚀🏳️‍🌈" * 60,
    "Deep",
    "Deeper",
)
NAMES = ("Ada", None, "W" * 80, "ليلى", "I", "👩‍🚀", "Zoë")


def fill_conversation(app: Flask) -> None:
    """Store a comment, replies below one another, a long branch, a deleted comment, and a closed thread."""
    with app.app_context():
        deep = [
            Addition(text, MOMENT, name=name, mark=f"{place:016x}", parent=place - 1 if place else None)
            for place, (text, name) in enumerate(zip(TEXTS, NAMES, strict=True))
        ]
        wide = [Addition("Many", MOMENT), *(Addition("One of many", MOMENT, parent=len(deep)) for _ in range(60))]
        add_comments([*deep, *wide])
        add_comments(deep, thread_key="/closed")
        close_thread("/closed")
        rows = {row.id: row for row in db.session.query(Comment)}
        rows[1].website = rows[3].website = rows[5].website = "https://www.example.org/"
        rows[2].edited = rows[3].edited = MOMENT + timedelta(minutes=1)
        rows[4].deleted, rows[4].name, rows[4].content, rows[4].content_html = MOMENT, None, None, None
        db.session.commit()


def open_conversation(page: Page) -> None:
    page.goto("/?order=oldest")
    page.locator(".level-4").first.wait_for()


def open_named(page: Page) -> None:
    page.goto("/comments/3")


def open_branch(page: Page) -> None:
    page.goto("/comments/8/replies")
    page.get_by_role("link", name="Later replies").click()


def open_reply(page: Page) -> None:
    page.goto("/comments/3/reply")


def open_closed(page: Page) -> None:
    page.goto("/threads/closed")
    page.get_by_text("This thread is closed").wait_for()


def open_refused_writer(page: Page) -> None:
    page.goto("/")
    page.locator("form").evaluate("form => form.noValidate = true")
    page.locator("summary").click()
    page.get_by_label("E-mail").fill("no address")
    page.get_by_label("Website").fill("javascript:alert(1)")
    post(page, TOO_LONG)
    page.get_by_role("alert").first.wait_for()


def open_preview(page: Page) -> None:
    """Have the server show a preview, as it does without script."""
    page.goto("/")
    text_field(page).fill(MARKDOWN)
    page.locator("[name=preview]").evaluate(
        "button => { const form = button.form; const field = document.createElement('input');"
        " Object.assign(field, {type: 'hidden', name: 'preview', value: 'yes'}); form.append(field); form.submit() }"
    )
    page.get_by_role("heading", name="Preview").wait_for()


def open_own(page: Page) -> None:
    page.goto("/")
    post(page, "Mine")
    page.get_by_role("link", name="Delete").wait_for()


def open_edit(page: Page) -> None:
    open_own(page)
    page.goto(page.get_by_role("link", name="Edit").get_attribute("href") or "")


def open_delete(page: Page) -> None:
    open_own(page)
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete it").wait_for()


def open_conflict(page: Page) -> None:
    open_edit(page)
    other = page.context.new_page()
    other.goto(page.url)
    for tab, text in ((other, "Changed elsewhere"), (page, "Changed here")):
        text_field(tab).fill(text)
        tab.get_by_role("button", name="Save").click()
    page.get_by_role("alert").wait_for()


def open_reply_in_place(page: Page) -> None:
    page.goto("/?order=oldest")
    page.locator("#comment-6 a.in-place").click()
    page.get_by_label("Your reply").wait_for()


def open_preview_in_place(page: Page) -> None:
    page.goto("/")
    text_field(page).fill(MARKDOWN)
    page.get_by_role("button", name="Preview").click()
    page.locator(".preview .comment-text").wait_for()


STATES = [
    open_conversation,
    open_named,
    open_branch,
    open_reply,
    open_closed,
    open_refused_writer,
    open_preview,
    open_own,
    open_edit,
    open_delete,
    open_conflict,
    open_reply_in_place,
    open_preview_in_place,
]
