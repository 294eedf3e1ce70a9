"""The page of a thread, which for all who have no cookie of ours is pasted into a frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask import current_app, render_template
from markupsafe import Markup, escape

from ..frames import framed
from ..keyset import cursor
from . import articles, queries, urls
from .articles import Surroundings
from .conversation import conversation
from .models import FIRST_THREAD_KEY, Comment
from .queries import Shown, ThreadState

TEMPLATE = "comments/thread.html"


class Asked(NamedTuple):
    """The page of a thread that an address asks for: the first in an `order`, or one beside a cursor."""

    key: str
    order: str
    before: str | None
    after: str | None


def thread_html(thread: ThreadState | None, asked: Asked, address: str, visitor: Mapping[str, Any]) -> str:
    """Return a page of a thread at `address`, None before its first comment; `visitor` is shown to this one alone.

    Raises BadAddress.
    """
    order, key = asked.order, asked.key
    values = {"thread_id": thread.id if thread else None, "look": articles.look()}
    found = queries.ROOTS.page(asked.before, asked.after, oldest_first=order == "oldest", **values)
    page = conversation(found, current_app.config["REPLY_DEPTH"])
    count = thread.comment_count if thread else 0
    is_open = thread is None or thread.closed is None
    surroundings = Surroundings(urls.order_value(order), visitor["own"], is_open)
    fields = {
        "key": escape(key),
        "address": escape(address),
        "count": f"{count:,}",
        "number": str(count),
        "older": cursor(page.older) if page.older else "",
        "newer": cursor(page.newer) if page.newer else "",
        "articles": Markup(articles.articles_html(page.roots, page.below, surroundings)),  # noqa: S704 - it is HTML
    }
    situation = {
        "is_first": key == FIRST_THREAD_KEY,
        "order": order,
        "is_open": is_open,
        "amount": "none" if count == 0 else "one" if count == 1 else "many",
        "has_older": page.older is not None,
        "has_newer": page.newer is not None,
        "has_comments": bool(page.roots),
    }
    if any(visitor.values()):
        return render_template(TEMPLATE, **fields, **situation, **visitor)
    return framed(TEMPLATE, fields, **situation)


def shown(comment: Comment) -> Shown:
    """Return what pages show of one comment."""
    (row,) = articles.completed(queries.shown_by_ids([comment.id], articles.look()))
    return row
