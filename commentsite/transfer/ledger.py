"""What was read of a file so far, kept on disk: which ids there were, and where on the site each comment stands.

A file of many millions of comments takes no more memory than a short one. Nobody else sees it, and it goes with the
process.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .format import Comment, Thread, Version

_TABLES = """
PRAGMA journal_mode = OFF;
CREATE TABLE threads (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, here INTEGER);
CREATE TABLE comments (id INTEGER PRIMARY KEY, thread TEXT, revision INTEGER, is_deleted INTEGER, here INTEGER UNIQUE);
CREATE TABLE versions (comment INTEGER, revision INTEGER, PRIMARY KEY (comment, revision)) WITHOUT ROWID;
BEGIN;
"""


class Read(NamedTuple):
    """What is known of a comment that was read."""

    thread: str
    revision: int
    is_deleted: bool


class Ledger:
    """The threads, comments and versions that were read, by what the file calls them."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # a file without a name
        self._database.executescript(_TABLES)

    def close(self) -> None:
        self._database.close()

    def take_thread(self, thread: Thread) -> bool:
        """Note a thread; return whether it is new."""
        return self._insert("INSERT OR IGNORE INTO threads (key) VALUES (?)", thread.key)

    def take_comment(self, comment: Comment) -> bool:
        """Note a comment; return whether it is new."""
        return self._insert(
            "INSERT OR IGNORE INTO comments (id, thread, revision, is_deleted) VALUES (?, ?, ?, ?)",
            *(comment.id, comment.thread, comment.revision, comment.deleted is not None),
        )

    def take_version(self, version: Version) -> bool:
        """Note a version; return whether it is new."""
        return self._insert("INSERT OR IGNORE INTO versions VALUES (?, ?)", version.comment, version.revision)

    def _insert(self, sql: str, *values: object) -> bool:
        return self._database.execute(sql, values).rowcount == 1

    def has_thread(self, key: str) -> bool:
        """Say whether a thread was read."""
        return bool(self._database.execute("SELECT 1 FROM threads WHERE key = ?", (key,)).fetchall())

    def comment(self, number: int) -> Read | None:
        """Return what was read of a comment."""
        sql = "SELECT thread, revision, is_deleted FROM comments WHERE id = ?"
        found = self._database.execute(sql, (number,)).fetchall()
        return Read(*found[0]) if found else None

    def put_threads(self, here: Mapping[str, int]) -> None:
        """Note the ids that threads have on the site."""
        self._database.executemany("UPDATE threads SET here = ? WHERE key = ?", [(v, k) for k, v in here.items()])

    def put_comments(self, here: Mapping[int, int]) -> None:
        """Note the ids that comments have on the site."""
        self._database.executemany("UPDATE comments SET here = ? WHERE id = ?", [(v, k) for k, v in here.items()])

    def threads_here(self, keys: Iterable[str]) -> dict[str, int]:
        """Return the ids that threads have on the site."""
        sql = "SELECT key, here FROM threads WHERE key IN (SELECT value FROM json_each(?)) AND here IS NOT NULL"
        return dict(self._database.execute(sql, (json.dumps(list(keys)),)))

    def comments_here(self, numbers: Iterable[int]) -> dict[int, int]:
        """Return the ids that comments have on the site."""
        sql = "SELECT id, here FROM comments WHERE id IN (SELECT value FROM json_each(?)) AND here IS NOT NULL"
        return dict(self._database.execute(sql, (json.dumps(list(numbers)),)))

    def taken(self, here: Iterable[int]) -> set[int]:
        """Return which comments of the site some comment of the file is already."""
        sql = "SELECT here FROM comments WHERE here IN (SELECT value FROM json_each(?))"
        return {number for (number,) in self._database.execute(sql, (json.dumps(list(here)),))}
