"""The addresses of threads and comments."""

from __future__ import annotations

from typing import Any

from flask import url_for

from ..keyset import PAGE_SIZE, cursor
from .models import FIRST_THREAD_KEY, Comment
from .queries import comments_of, thread_of

# How many newer comments stand above one that was asked for, where there are more than a page of them.
CONTEXT_COMMENTS = 2


def thread_url(key: str, **values: Any) -> str:
    """Return the address of a thread's page; `values` are its query, or `_anchor`."""
    if key == FIRST_THREAD_KEY:
        return url_for("comments.thread", **values)
    return url_for("comments.thread", path=key[1:], **values)


def place_url(comment: Comment) -> str:
    """Return the address of the page where `comment` now stands, and its place in it."""
    listing = comments_of(comment.thread_id)
    newer = listing.beside(listing.position(comment), limit=PAGE_SIZE, newer=True)
    before = cursor(listing.position(newer[CONTEXT_COMMENTS])) if len(newer) == PAGE_SIZE else None
    return thread_url(thread_of(comment).key, before=before, _anchor=f"comment-{comment.id}")
