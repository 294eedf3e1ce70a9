"""Decisions about comments, from plain values."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from ..errors import UNPRINTABLE
from .models import MARK_CHARS, MAX_KEY_CHARS, PATH_STEP_CHARS, PATH_STEPS, POST_KEY_CHARS

DOUBLE_POST_MINUTES = 10
OWN_AGAIN_SECONDS = 60
# A clock set back by no more than this is waited for; a time further ahead came from elsewhere, or by mistake.
CLOCK_BACK_HOURS = 2
MAX_ID = 2**63 - 1
# Letters, marks or nothing yet by their category, but nothing to see: what Unicode calls ignorable by default (the
# grapheme joiner, Hangul fillers, Khmer vowels that are heard only, what chooses a variant of the character before
# it, the planes set aside for such), the empty braille cell, and what is no character.
INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\ufffe\uffff\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Controls of the direction of writing, and what would break the line of a key.
TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\t\n]")
# Blanks and slashes around a path.
AROUND = re.compile(r"^[\s/]+|[\s/]+$")
MARKS_ON_A_LETTER = 4
# Of the replies to all comments of a page about so many are shown, and of each branch a number within these bounds.
REPLIES_A_PAGE = 100
FEWEST_REPLIES = 5
MOST_REPLIES = 50
GONE = "The comment you reply to is not there any more. Your text is below: post it as a comment of its own."

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def thread_key(path: str) -> str | None:
    """Return the key of the thread under the page at `path`, None where no page can be.

    One page has one key: Unicode is composed (NFC), there is one slash at the beginning, none at the end
    and none beside another; blanks around it are no part of it. Case and accents are. A path with `.` or
    `..` in it, with control characters, characters that turn the direction of writing or a part that shows
    nothing, or of more than MAX_KEY_CHARS is no page's.
    """
    if len(path) > 2 * MAX_KEY_CHARS:  # composing costs more than linear time, and halves a text at the most here
        return None
    parts = [part for part in AROUND.sub("", unicodedata.normalize("NFC", path)).split("/") if part]
    key = "/" + "/".join(parts)
    if {".", ".."} & set(parts) or UNPRINTABLE.search(key) or TURNING.search(key) or len(key) > MAX_KEY_CHARS:
        return None
    return key if all(any(map(is_visible, part)) for part in parts) else None


def plain_name(text: str) -> str | None:
    """Return a name as it is kept, None where there is nothing to see in it.

    After the Nickname profile of RFC 8266: compatibility forms are the plain ones (NFKC), blanks are single and not
    at the ends. Characters that do not show, or turn the direction of what follows, are taken out, so that no two
    names differ by them alone; of marks that pile up on one letter the first MARKS_ON_A_LETTER stay.
    """
    seen = "".join(character for character in text if _shows(character))
    plain = "".join(character for character in unicodedata.normalize("NFKC", seen) if _shows(character))
    kept, marks = [], 0
    for character in plain:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if marks <= MARKS_ON_A_LETTER:
            kept.append(character)
    return " ".join("".join(kept).split()) or None


def is_visible(character: str) -> bool:
    """Say whether there is something to see of a character."""
    return unicodedata.category(character)[0] not in "ZC" and not INVISIBLE.match(character)


def _shows(character: str) -> bool:
    category = unicodedata.category(character)
    if category in ("Zs", "Zl", "Zp") or character in "\t\n\r":
        return True  # becomes a blank
    return category not in ("Cc", "Cf", "Co", "Cs") and not INVISIBLE.match(character)


def mark(secret: str, *, sender: str, email: str | None) -> str:
    """Return the mark of a writer, the same for each of their comments: by the e-mail address if there is one.

    It is drawn beside the name, so two writers of one name look different.
    """
    who = f"email {email.lower()}" if email else f"sender {sender}"
    return hmac.new(secret.encode(), who.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:MARK_CHARS]


def path_below(parent_path: str | None, comment_id: int) -> str:
    """Return the path of a reply: sorted as text, the replies of a branch stand each below what it replies to.

    A path is the steps from the comment below the branch's first down to the reply itself, PATH_STEPS at most. Whoever
    replies further down stands beside what they reply to, in the order of the ids.
    """
    above = (parent_path or "")[: (PATH_STEPS - 1) * PATH_STEP_CHARS]
    return above + _step(comment_id)


def _step(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits.rjust(PATH_STEP_CHARS, "0")


def depth(path: str | None) -> int:
    """Return how many comments stand above one with `path`; at the end of the path there may be more."""
    return len(path or "") // PATH_STEP_CHARS


def replies_shown(branches: int) -> int:
    """Return how many replies of each branch a page shows that has so many `branches`."""
    return max(FEWEST_REPLIES, min(MOST_REPLIES, REPLIES_A_PAGE // max(1, branches)))


def time_to_post(now: datetime, latest: datetime | None) -> datetime:
    """Return the time of a comment that follows one posted at `latest`: where the clock was set back, just after that.

    So what was posted last is the newest, and seen by whoever looks at the newest.
    """
    if latest is None or latest - now > timedelta(hours=CLOCK_BACK_HOURS):
        return now
    return max(now, latest + timedelta(microseconds=1))


def may_edit(posted: datetime, now: datetime, window_minutes: int) -> bool:
    """Say whether a comment is young enough for its writer to change it. A clock set back does not end it."""
    return now - posted < timedelta(minutes=window_minutes)


def may_own(posted: datetime, now: datetime) -> bool:
    """Say whether a post is so fresh that who posts it again is its writer, whose browser did not get the answer.

    Later it may be somebody else at the same address with the same browser who wrote the same.
    """
    return now - posted < timedelta(seconds=OWN_AGAIN_SECONDS)


def post_keys(secret: str, parts: Sequence[str], now: datetime) -> tuple[str, str]:
    """Return the two keys of a post; a second one of the same `parts` (sender, thread, words) shares at least one.

    Each key belongs to a window of time twice DOUBLE_POST_MINUTES long, and the windows of the second
    begin in the middle of those of the first. Two moments less than DOUBLE_POST_MINUTES apart have at
    most one border between them, so at least one window in common. Nothing of the page goes into a
    key, so the page is the same for all who read it.
    """
    span = timedelta(minutes=2 * DOUBLE_POST_MINUTES)
    plain = (now - _EPOCH) // span
    shifted = (now - _EPOCH + span / 2) // span
    message = b"".join(map(_digest, parts))
    plain_key, shifted_key = (
        hmac.digest(secret.encode(), message + _digest(window), "sha256").hex()[:POST_KEY_CHARS]
        for window in (f"plain {plain}", f"shifted {shifted}")
    )
    return plain_key, shifted_key


@lru_cache(maxsize=64)  # the most of them are empty or like those of the post before
def _digest(part: str) -> bytes:
    # Each part goes in by its own digest, so that no text can move the border between two parts.
    return hashlib.sha256(part.encode("utf-8", "surrogatepass")).digest()


def comment_id(text: str) -> int | None:
    """Return the id that `text` writes in its one canonical form, None where it writes none that a database holds."""
    if not re.fullmatch(r"[1-9][0-9]{0,18}", text):
        return None
    number = int(text)
    return number if number <= MAX_ID else None
