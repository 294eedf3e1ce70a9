"""The addresses of comments, and the cursors in them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from flask import url_for

from ..errors import BadAddress
from .models import Comment
from .policy import comment_id
from .queries import PAGE_SIZE, Position, comments_beside

# How many newer comments stand above one that was asked for, where there are more than a page of them.
CONTEXT_COMMENTS = 2

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


def cursor(position: Position) -> str:
    """Return `position` as text for an address: microseconds since 1970, a dash, the id."""
    return f"{(position.posted - _EPOCH) // _MICROSECOND}-{position.id}"


def position_of(cursor: str) -> Position:
    """Return the position that `cursor` writes. Raises BadAddress where it writes none.

    A cursor that was made up, or whose comment is gone, still names a place in the order.
    """
    match = re.fullmatch(r"(-?[0-9]{1,18})-([0-9]{1,19})", cursor)
    number = comment_id(match[2]) if match else None
    if match and number is not None:
        try:
            return Position(_EPOCH + int(match[1]) * _MICROSECOND, number)
        except OverflowError:
            pass
    raise BadAddress({"cursor": "This address names no place among the comments. Begin at the newest."})


def place_url(comment: Comment) -> str:
    """Return the address of the page where `comment` now stands, and its place in it."""
    newer = comments_beside(Position.of(comment), limit=PAGE_SIZE, newer=True)
    before = cursor(Position.of(newer[CONTEXT_COMMENTS])) if len(newer) == PAGE_SIZE else None
    return url_for("comments.thread", before=before, _anchor=f"comment-{comment.id}")
