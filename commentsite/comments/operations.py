"""Writes of comments: one verb, one transaction, one commit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from flask_sqlalchemy.session import Session
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import scoped_session

from ..clock import utc_now
from ..db import in_transaction
from .forms import CommentDraft
from .models import Comment
from .policy import post_keys
from .queries import comment_by_post_keys


def post_comment(draft: CommentDraft, *, sender: str, secret: str) -> Comment:
    """Store `draft` and return the comment. Commits.

    The same text from the same `sender` within policy.DOUBLE_POST_MINUTES is the same post come twice:
    the comment that is already there is returned and nothing is stored.
    """
    keys = post_keys(secret, sender, draft.content, utc_now())

    def store(session: scoped_session[Session]) -> Comment:
        # The time is asked for when it is this post's turn to write, not before it waited for others.
        comment = Comment(content=draft.content, posted=utc_now(), post_key=keys[0], post_key_shifted=keys[1])
        session.add(comment)
        session.flush()
        return comment

    try:
        return in_transaction(store)
    except IntegrityError:
        stored = comment_by_post_keys(*keys)
        if stored is None:
            raise
        return stored


def add_comments(rows: Iterable[tuple[str, datetime]]) -> None:
    """Store comments that were not posted here, each a text and its moment, in one transaction. Commits."""
    values = [{"content": content, "posted": posted} for content, posted in rows]
    in_transaction(lambda session: session.execute(insert(Comment), values))
