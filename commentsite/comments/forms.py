"""The shape of what a sender writes."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import LINE_BREAK, UNPRINTABLE, InvalidInput
from .models import MAX_CONTENT_CHARS

# Letters by their category, but nothing to see: Hangul fillers and the empty braille cell.
INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\u2800")


@dataclass(frozen=True)
class CommentDraft:
    """A comment as it may be stored, its line breaks as `\\n`."""

    content: str


def comment_draft(fields: Mapping[str, object]) -> CommentDraft:
    """Return the draft that `fields` hold. Raises InvalidInput with a message for `content`."""
    content = fields.get("content")
    if content is None:
        raise InvalidInput({"content": "The text is missing. Write your comment and send it again."})
    if not isinstance(content, str):
        raise InvalidInput({"content": "The text must be text."})
    return CommentDraft(_checked(LINE_BREAK.sub("\n", content)))


def _checked(content: str) -> str:
    if len(content) > MAX_CONTENT_CHARS:
        raise InvalidInput(
            {
                "content": f"That is {len(content):,} characters, and a comment has room for "
                f"{MAX_CONTENT_CHARS:,}. Shorten it, or post it in parts."
            }
        )
    if UNPRINTABLE.search(content):
        raise InvalidInput(
            {
                "content": "The text had control characters that cannot be shown. They are taken out below: "
                "check it and send it again."
            }
        )
    if not any(map(_is_visible, content)):
        raise InvalidInput({"content": "There is nothing to see in the text. Write your comment and send it again."})
    return content


def _is_visible(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] not in "ZC" and character not in INVISIBLE and not _is_variation_selector(character)


def _is_variation_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or character == "\u034f"
