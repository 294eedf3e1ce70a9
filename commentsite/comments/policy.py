"""Decisions about comments, from plain values."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from datetime import datetime, timedelta, timezone

from ..errors import UNPRINTABLE
from .models import MAX_KEY_CHARS, POST_KEY_CHARS

DOUBLE_POST_MINUTES = 10
MAX_ID = 2**63 - 1

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def thread_key(path: str) -> str | None:
    """Return the key of the thread under the page at `path`, None where no page can be.

    One page has one key: Unicode is composed (NFC), there is one slash at the beginning, none at the end
    and none beside another; blanks around it are no part of it. Case and accents are. A path with `.` or
    `..` in it, with control characters, or of more than MAX_KEY_CHARS is no page's.
    """
    if len(path) > 2 * MAX_KEY_CHARS:  # composing costs more than linear time, and halves a text at the most here
        return None
    parts = [part for part in unicodedata.normalize("NFC", path).strip().split("/") if part]
    key = "/" + "/".join(parts).rstrip()
    if {".", ".."} & set(parts) or UNPRINTABLE.search(key) or "\n" in key or "\t" in key or len(key) > MAX_KEY_CHARS:
        return None
    return key


def post_keys(secret: str, sender: str, thread: str, content: str, now: datetime) -> tuple[str, str]:
    """Return the two keys of a post; a second one by the same sender, of the same text in the same thread, shares one.

    Each key belongs to a window of time twice DOUBLE_POST_MINUTES long, and the windows of the second
    begin in the middle of those of the first. Two moments less than DOUBLE_POST_MINUTES apart have at
    most one border between them, so at least one window in common. Nothing of the page goes into a
    key, so the page is the same for all who read it.
    """
    span = timedelta(minutes=2 * DOUBLE_POST_MINUTES)
    plain = (now - _EPOCH) // span
    shifted = (now - _EPOCH + span / 2) // span
    post = (secret, sender, thread, content)
    return _post_key(*post, f"plain {plain}"), _post_key(*post, f"shifted {shifted}")


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
