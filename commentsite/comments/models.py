"""The table of comments."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ..db import Base

MAX_CONTENT_CHARS = 4096
POST_KEY_CHARS = 32


class Comment(Base):
    """What somebody wrote, and when it was posted.

    `content` is NULL only in rows that the tutorial's code wrote. The two post keys are unique, so that
    one post sent twice is stored once (see policy.post_keys); they are NULL where nothing was posted
    through the page.
    """

    __tablename__ = "comments"
    # AUTOINCREMENT: SQLite would give the id of a deleted comment, and so its address, to the next one.
    __table_args__ = (Index(None, "posted", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[str | None] = mapped_column(String(MAX_CONTENT_CHARS))
    posted: Mapped[datetime]
    post_key: Mapped[str | None] = mapped_column(String(POST_KEY_CHARS), unique=True, index=True)
    post_key_shifted: Mapped[str | None] = mapped_column(String(POST_KEY_CHARS), unique=True, index=True)
