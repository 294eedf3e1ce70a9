"""The addresses of threads and comments."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

from flask import current_app, request, url_for
from markupsafe import Markup

from ..errors import BadAddress
from ..keyset import PAGE_SIZE, cursor
from .models import FIRST_THREAD_KEY, Comment
from .policy import replies_shown
from .queries import ROOTS, comment_by_id, replies_before, thread_of
from .tree import Stored

# How many comments stand above one that was asked for, where there are more than a page of them.
CONTEXT_COMMENTS = 2
ORDERS = ("newest", "oldest")
UNQUOTED = "!$&'()*+,/:;=@"  # what a path may have as it is (RFC 3986, 3.3), and werkzeug leaves so


def chosen_order() -> str:
    """Return the order that the address asks for, or the site's. Raises BadAddress."""
    order = request.args.get("order") or str(current_app.config["ORDER"])
    if order not in ORDERS:
        raise BadAddress(
            {"order": "This address asks for an order that there is not. Comments go by newest or oldest."}
        )
    return order


def order_value(order: str) -> str | None:
    """Return what stands for `order` in an address; the site's own needs nothing."""
    return None if order == current_app.config["ORDER"] else order


def kept_order() -> str | None:
    """Return what stands for the order of this page in the addresses of those it leads to."""
    order = request.args.get("order")
    return order_value(order) if order in ORDERS else None


def thread_url(key: str, **values: Any) -> str:
    """Return the address of a thread's page; `values` are its query, or `_anchor`."""
    if key == FIRST_THREAD_KEY:
        return url_for("comments.thread", **values)
    return url_for("comments.thread", path=key[1:], **values)


def thread_path(key: str) -> str:
    """Return the path of a thread's page within the site, quoted as by thread_url, which needs a request."""
    return "/" if key == FIRST_THREAD_KEY else f"/threads/{quote(key[1:], safe=UNQUOTED)}"


def query(**values: str | None) -> Markup:
    """Return the query part of an address, of values that need no quoting; empty where all are None."""
    given = "&amp;".join(f"{name}={value}" for name, value in values.items() if value is not None)
    return Markup(f"?{given}" if given else "")  # noqa: S704 - orders, cursors and their marks


def place_url(comment: Comment, order: str) -> str:
    """Return the address of the page where `comment` now stands in that order, and its place in it.

    A reply stands on its thread's page where that shows so many of its branch, else among all replies of the branch.
    """
    anchor = f"comment-{comment.id}"
    root = comment if comment.root_id is None else comment_by_id(comment.root_id)
    is_oldest_first = order == "oldest"
    values = {"thread_id": root.thread_id, "look": ""}
    passed = ROOTS.beside(ROOTS.position(root), limit=PAGE_SIZE, newer=not is_oldest_first, **values)
    start = ROOTS.position(passed[CONTEXT_COMMENTS]) if len(passed) == PAGE_SIZE else None
    if root is not comment:
        turn = ROOTS.first_page if start is None else partial(ROOTS.page_onward, start)
        page = turn(oldest_first=is_oldest_first, **values)
        shown = replies_shown(sum(1 for row in page.rows if row.reply_count))
        above = replies_before(root.id, comment.path or "", PAGE_SIZE, "")
        if len(above) >= shown:
            after = above[CONTEXT_COMMENTS].path if len(above) == PAGE_SIZE else None
            return replies_url(root.id, after=after, order=order_value(order), _anchor=anchor)
    place = {"after" if is_oldest_first else "before": cursor(start) if start else None}
    return thread_url(thread_of(root).key, order=order_value(order), **place, _anchor=anchor)


def new_place_url(stored: Stored, key: str, order: str) -> str:
    """Return the address of the page of the thread `key` where a comment just posted now stands, and its place in it.

    The newest of a thread stands on its first page where that begins with the newest: nothing is read for it.
    """
    if stored.is_latest and order == "newest":
        return thread_url(key, order=order_value(order), _anchor=f"comment-{stored.id}")
    return place_url(stored.row or comment_by_id(stored.id), order)


def replies_url(root_id: int, **values: Any) -> str:
    """Return the address of the page of all replies below a comment."""
    return url_for("comments.replies", text=root_id, **values)
