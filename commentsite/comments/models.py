"""The tables of threads and comments."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, text
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column

from ..db import Base

MAX_CONTENT_CHARS = 4096
MAX_KEY_CHARS = 500
FIRST_THREAD_ID = 1
FIRST_THREAD_KEY = "/"
POST_KEY_CHARS = 32


class Thread(Base):
    """The conversation under one page of a site, known by the page's path (see policy.thread_key).

    It has a row from its first comment on; the first thread always has. `version` goes up with every
    change that its pages show, in the transaction of the change. `latest` is the time of its newest comment.
    """

    __tablename__ = "threads"
    __table_args__ = (Index(None, "latest", "id"), {"sqlite_autoincrement": True, "mysql_charset": "utf8mb4"})

    id: Mapped[int] = mapped_column(primary_key=True)
    # MySQL's other collations take keys that differ by case or accents for the same.
    key: Mapped[str] = mapped_column(
        String(MAX_KEY_CHARS).with_variant(
            mysql.VARCHAR(MAX_KEY_CHARS, charset="utf8mb4", collation="utf8mb4_bin"), "mysql"
        ),
        unique=True,
        index=True,
    )
    comment_count: Mapped[int]
    version: Mapped[int]
    latest: Mapped[datetime | None]


class Comment(Base):
    """What somebody wrote, and when it was posted.

    `content` is NULL only in rows that the tutorial's code wrote. The two post keys are unique, so that
    one post sent twice is stored once (see policy.post_keys); they are NULL where nothing was posted
    through the page.
    """

    __tablename__ = "comments"
    # AUTOINCREMENT: SQLite would give the id of a deleted comment, and so its address, to the next one.
    __table_args__ = (Index(None, "thread_id", "posted", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[str | None] = mapped_column(String(MAX_CONTENT_CHARS))
    posted: Mapped[datetime]
    thread_id: Mapped[int] = mapped_column(server_default=text(str(FIRST_THREAD_ID)))
    post_key: Mapped[str | None] = mapped_column(String(POST_KEY_CHARS), unique=True, index=True)
    post_key_shifted: Mapped[str | None] = mapped_column(String(POST_KEY_CHARS), unique=True, index=True)
