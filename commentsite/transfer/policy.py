"""Whether a comment of a file is one that the site has already, and which id it gets where it is not."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from .format import Comment

# The ids of both databases go on from the highest there is, and end at 2**31 - 1 on MySQL: no file may use them up.
MAX_KEPT_ID = 1_000_000_000


class Here(NamedTuple):
    """A comment of the site, as far as it tells which one it is."""

    id: int
    thread_id: int
    posted: datetime
    parent_id: int | None
    name: str | None
    mark: str | None
    content: str | None
    revision: int
    deleted: datetime | None


def is_same(comment: Comment, here: Here, *, parent_id: int | None, content_then: str | None) -> bool:
    """Say whether a comment of a file is the one `here`, in the same thread.

    `parent_id` is the id on the site of what it replies to, `content_then` the text that the one here had at the
    revision of the file. Where that is not known (an edit or a deletion came between), only a mark tells: those
    comments were posted through a page, and no two at one microsecond. In doubt they are two, and both are kept.
    """
    if (here.posted, here.parent_id) != (comment.posted, parent_id):
        return False
    if here.deleted and comment.deleted:
        return True
    if here.deleted or comment.deleted:
        return here.id == comment.id or (here.mark or comment.mark) is not None
    if (here.name, here.mark) != (comment.name, comment.mark):
        return False
    if here.revision >= comment.revision:
        return content_then == comment.content
    return comment.mark is not None


def may_keep_id(number: int, *, parent_id: int | None) -> bool:
    """Say whether a comment may have the id on the site that it has in the file, where that is free.

    A reply's is higher than its parent's: replies are shown, and exported, in the order of their ids.
    """
    return (parent_id or 0) < number <= MAX_KEPT_ID
