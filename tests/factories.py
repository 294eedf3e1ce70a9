"""Comments for tests."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from commentsite.comments.models import Comment
from commentsite.db import db

MOMENT = datetime(2017, 7, 7, 18, 47, tzinfo=timezone.utc)


def make_comment(content: str | None = "Hello", posted: datetime = MOMENT) -> Comment:
    """Store a comment and return it. Commits."""
    comment = Comment(content=content, posted=posted)
    db.session.add(comment)
    db.session.commit()
    return comment


def make_comments(count: int, *, first: datetime = MOMENT, apart: timedelta = timedelta(minutes=1)) -> list[int]:
    """Store `count` comments "comment 1" and so on, `apart` from each other, and return their ids. Commits."""
    comments = [Comment(content=f"comment {n + 1}", posted=first + n * apart) for n in range(count)]
    db.session.add_all(comments)
    db.session.commit()
    return [comment.id for comment in comments]
