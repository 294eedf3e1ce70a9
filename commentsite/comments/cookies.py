"""What the browser keeps: which comments it posted a while ago, and who its owner is, if they ticked so.

Both are signed. The first holds ids and times of comments and nothing about a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from flask import current_app, request
from itsdangerous import BadSignature
from werkzeug.wrappers import Response

from ..clock import utc_now
from ..keyset import Position, cursor, position_of
from ..security import cookie_name, set_cookie, signer
from . import policy
from .models import Comment
from .tree import Stored

if TYPE_CHECKING:
    from .forms import CommentDraft

OWN, WRITER = "own", "writer"
# A cookie has room for 4,096 bytes.
MOST_OWN = 50
WRITER_FIELDS = ("name", "email", "website")
YEAR_SECONDS = 365 * 24 * 3600


def own_comments() -> dict[int, str]:
    """Return the comments that this browser may change: ids, each with what else tells the comment."""
    window = current_app.config["EDIT_WINDOW_MINUTES"]
    if not window or not request.cookies:
        return {}
    claims = _signed(OWN, max_age_seconds=window * 60)
    if not isinstance(claims, list):
        return {}
    now = utc_now()
    positions = {claim: position_of(claim) for claim in claims}
    return {
        position.id: claim for claim, position in positions.items() if policy.may_edit(position.moment, now, window)
    }


def is_own(comment: Comment) -> bool:
    """Say whether this browser may change `comment`."""
    return own_comments().get(comment.id) == claim(comment)


def remember_own(response: Response, comment: Stored) -> None:
    """Have the browser know that it posted `comment`, until it cannot be changed any more."""
    window = current_app.config["EDIT_WINDOW_MINUTES"]
    if window:
        claims = {**own_comments(), comment.id: claim(comment)}
        value = signer(OWN).dumps(list(claims.values())[-MOST_OWN:])
        set_cookie(response, OWN, str(value), max_age_seconds=window * 60)


def writer() -> Mapping[str, str]:
    """Return name, e-mail and website of the one who ticked that this browser keeps them; empty for others."""
    fields = _signed(WRITER, max_age_seconds=YEAR_SECONDS)
    return {**fields, "remember": "yes"} if isinstance(fields, dict) else {}


def remember_writer(response: Response, draft: CommentDraft, *, is_wanted: bool) -> None:
    """Have the browser keep who wrote `draft` if they want that, and forget it if they do not."""
    if is_wanted:
        kept = {name: value for name in WRITER_FIELDS if (value := getattr(draft, name))}
        set_cookie(response, WRITER, str(signer(WRITER).dumps(kept)), max_age_seconds=YEAR_SECONDS)
    elif cookie_name(WRITER) in request.cookies:
        set_cookie(response, WRITER, "", max_age_seconds=0)


def claim(comment: Comment | Stored) -> str:
    """Return what tells a comment from every other, also one that has its id after a restored backup."""
    return cursor(Position(comment.posted, comment.id))


def _signed(name: str, *, max_age_seconds: int) -> object:
    """Return what a cookie of ours holds, None where there is none, or it is forged or too old."""
    value = request.cookies.get(cookie_name(name))
    if not value:
        return None
    try:
        held, signed = signer(name).loads(value, return_timestamp=True)
    except BadSignature:
        return None
    # Not by the signer's own `max_age`: it takes none that is from later than now, as they are when the clock was
    # set back.
    return held if utc_now() - signed <= timedelta(seconds=max_age_seconds) else None
