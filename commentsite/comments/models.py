"""The tables of threads and comments."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from ..db import Base, MediumText

MAX_CONTENT_CHARS = 4096
MAX_KEY_CHARS = 500
FIRST_THREAD_ID = 1
FIRST_THREAD_KEY = "/"
POST_KEY_CHARS = 32
MAX_NAME_CHARS = 80
MAX_EMAIL_CHARS = 254  # RFC 5321, 4.5.3.1.3: a path of 256 with its angle brackets
MAX_WEBSITE_CHARS = 500
MARK_CHARS = 16
RENDERER_CHARS = 32
LOOK_CHARS = 16
# A path names what stands above a reply, and the reply itself, by so many characters each, and so many of them at most.
PATH_STEP_CHARS = 7
PATH_STEPS = 8


class Thread(Base):
    """The conversation under one page of a site, known by the page's path (see policy.thread_key).

    It has a row from its first comment on; the first thread always has. `version` goes up with every
    change that its pages show, in the transaction of the change. `comment_count` and `latest`, the time of its
    newest comment, leave out what its writers deleted. `closed` is when it was closed to new comments.
    """

    __tablename__ = "threads"
    __table_args__ = (Index(None, "latest", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    # MySQL's other collations take keys that differ by case or accents for the same.
    key: Mapped[str] = mapped_column(
        String(MAX_KEY_CHARS).with_variant(String(MAX_KEY_CHARS, collation="utf8mb4_bin"), "mysql"),
        unique=True,
        index=True,
    )
    comment_count: Mapped[int]
    version: Mapped[int]
    latest: Mapped[datetime | None]
    closed: Mapped[datetime | None]


class Comment(Base):
    """What somebody wrote, and when it was posted.

    `content` is NULL only in rows that the tutorial's code wrote and in deleted ones. `content_html` is what
    `renderer` made of it, and `head_html` what stands above it in a certain `look`; NULL where there is none yet.
    The two post keys are unique, so that one post sent twice is
    stored once (see policy.post_keys); they are NULL where nothing was posted through the page.

    A reply has its `parent_id`, and `root_id`, the comment at the top of its branch, which counts in `reply_count`
    every row below it. `path` is the order of a branch (see policy.path_below). `revision` goes up with every edit.
    What was deleted and has replies stays as a row without words, with the time in `deleted`.
    """

    __tablename__ = "comments"
    # AUTOINCREMENT: SQLite would give the id of a deleted comment, and so its address, to the next one.
    __table_args__ = (
        Index(None, "thread_id", "posted", "id"),
        Index(None, "thread_id", "root_id", "posted", "id"),
        Index(None, "root_id", "path"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[str | None] = mapped_column(String(MAX_CONTENT_CHARS))
    posted: Mapped[datetime]
    thread_id: Mapped[int] = mapped_column(server_default=text(str(FIRST_THREAD_ID)))
    post_key: Mapped[str | None] = mapped_column(String(POST_KEY_CHARS), unique=True, index=True)
    post_key_shifted: Mapped[str | None] = mapped_column(String(POST_KEY_CHARS), unique=True, index=True)
    name: Mapped[str | None] = mapped_column(String(MAX_NAME_CHARS))
    email: Mapped[str | None] = mapped_column(String(MAX_EMAIL_CHARS))
    website: Mapped[str | None] = mapped_column(String(MAX_WEBSITE_CHARS))
    mark: Mapped[str | None] = mapped_column(String(MARK_CHARS))
    parent_id: Mapped[int | None] = mapped_column(index=True)
    root_id: Mapped[int | None]
    path: Mapped[str | None] = mapped_column(
        String(PATH_STEPS * PATH_STEP_CHARS).with_variant(
            String(PATH_STEPS * PATH_STEP_CHARS, collation="ascii_bin"), "mysql"
        )
    )
    reply_count: Mapped[int] = mapped_column(server_default=text("0"))
    content_html: Mapped[str | None] = mapped_column(Text().with_variant(MediumText(), "mysql"))
    renderer: Mapped[str | None] = mapped_column(String(RENDERER_CHARS))
    head_html: Mapped[str | None] = mapped_column(Text())
    look: Mapped[str | None] = mapped_column(String(LOOK_CHARS))
    revision: Mapped[int] = mapped_column(server_default=text("1"))
    edited: Mapped[datetime | None]
    deleted: Mapped[datetime | None]


class CommentVersion(Base):
    """The text that a comment had before an edit, and since when it had it."""

    __tablename__ = "comment_versions"
    __table_args__ = (Index(None, "comment_id", "revision", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    comment_id: Mapped[int]
    revision: Mapped[int]
    content: Mapped[str | None] = mapped_column(String(MAX_CONTENT_CHARS))
    written: Mapped[datetime]
