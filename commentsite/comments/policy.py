"""Decisions about comments, from plain values."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime, timedelta, timezone

from .models import POST_KEY_CHARS

DOUBLE_POST_MINUTES = 10
MAX_ID = 2**63 - 1

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def post_keys(secret: str, sender: str, content: str, now: datetime) -> tuple[str, str]:
    """Return the two keys of a post; another post of the same text by the same sender shares one of them.

    Each key belongs to a window of time twice DOUBLE_POST_MINUTES long, and the windows of the second
    begin in the middle of those of the first. Two moments less than DOUBLE_POST_MINUTES apart have at
    most one border between them, so at least one window in common. Nothing of the page goes into a
    key, so the page is the same for all who read it.
    """
    span = timedelta(minutes=2 * DOUBLE_POST_MINUTES)
    plain = (now - _EPOCH) // span
    shifted = (now - _EPOCH + span / 2) // span
    return _post_key(secret, sender, content, f"plain {plain}"), _post_key(
        secret, sender, content, f"shifted {shifted}"
    )


def _post_key(secret: str, *parts: str) -> str:
    # Each part goes in by its own digest, so that no text can move the border between two parts.
    message = b"".join(hashlib.sha256(part.encode("utf-8", "surrogatepass")).digest() for part in parts)
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()[:POST_KEY_CHARS]


def comment_id(text: str) -> int | None:
    """Return the id that `text` writes in its one canonical form, None where it writes none that a database holds."""
    if not re.fullmatch(r"[1-9][0-9]{0,18}", text):
        return None
    number = int(text)
    return number if number <= MAX_ID else None
