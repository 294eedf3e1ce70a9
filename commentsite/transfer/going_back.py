"""A backup of the site's own brought back as it was, in its own schema: for the program from before an upgrade."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, NamedTuple

import sqlalchemy as sa

from ..db import db
from ..errors import Conflict
from ..schema import known_revisions
from . import archive, backups, queries, rowhash, swap_mysql, swap_sqlite
from .manifest import Manifest
from .progress import Progress
from .restore import fitting_hashes, raise_ids, raise_versions, refuse_unknown, replaced
from .scratch import Scratch


class NotGoneBack(Conflict):
    """The database stays as it is."""

    title = "Not rolled back"


class Lost(NamedTuple):
    """What going back to a backup would take away: comments posted since, and changes of those from before."""

    posted: int
    changed: int


def checked(file: BinaryIO, folder: Path, *, secret: str, progress: Progress) -> Manifest:
    """Unpack a backup into `folder`, compare its rows and return its manifest.

    Raises BrokenBackup, and NotGoneBack for one that is not the site's own: what it holds comes back unchanged, with
    the HTML that goes into pages.
    """
    manifest = backups.verify(file, folder, progress)
    if not manifest.is_signed_with(secret):
        raise NotGoneBack(
            "The backup was not made with this site's secret key. Bring it back with: commentsite restore --replace"
        )
    if manifest.revision not in known_revisions():
        raise NotGoneBack(f"The backup has the schema {manifest.revision}, which this program does not know.")
    return manifest


def lost(manifest: Manifest) -> Lost:
    """Count what was written since the backup was made."""
    since = manifest.made.replace("T", " ").removesuffix("Z")
    highest = manifest.tables["comments"].highest_id if "comments" in manifest.tables else None
    comments = sa.table("comments", *map(sa.column, ("id", "edited", "deleted")))
    counted = sa.select(sa.func.count()).select_from(comments)
    with queries.snapshot() as connection:
        there = rowhash.tables(connection).get("comments")
        if there is None:
            return Lost(0, 0)
        posted = connection.execute(counted.where(comments.c.id > (highest or 0))).scalar_one()
        changed = 0
        if {"edited", "deleted"} <= {*there.names}:
            is_later = sa.or_(comments.c.edited > since, comments.c.deleted > since)
            changed = connection.execute(counted.where(comments.c.id <= (highest or 0), is_later)).scalar_one()
    return Lost(posted, changed)


def go_back(manifest: Manifest, folder: Path, progress: Progress, *, may_leave_out: bool = False) -> None:
    """Make the backup that was unpacked into `folder` and checked the contents of the app's database. Commits.

    Its schema, its rows, and columns that no migration makes, are as they were; versions of threads and the next ids
    are raised. With MySQL, tables that no migration makes stay as they are now. The database has its old contents
    until the new are whole; whoever is killed may begin again.
    """
    path = folder / archive.DATABASE
    is_mysql = db.engine.dialect.name == "mysql"
    _fit_pages(path)
    made, known = Scratch(path), _tables(folder / "head.db", "head")
    if is_mysql:
        swap_mysql.recover(known)
    with made.connection() as connection:
        there = rowhash.tables(connection)
        present = replaced()
        refuse_unknown(present, known | there.keys(), may_leave_out=may_leave_out)
        if "threads" in there and "version" in there["threads"].names:
            raise_versions(connection, present)
        raise_ids(connection, present, manifest)
        wanted = fitting_hashes(connection, progress)
    if not is_mysql:
        swap_sqlite.swap(made, wanted, progress)
        return
    own = _tables(folder / "then.db", manifest.revision)
    wanted = {name: each for name, each in wanted.items() if name in own}
    swap_mysql.swap(made, wanted, progress, revision=manifest.revision, known=known)


def _tables(path: Path, revision: str) -> set[str]:
    """Return the names of the tables that the migrations make up to a revision."""
    made = Scratch(path)
    made.upgrade(revision)
    with made.connection() as connection:
        return set(rowhash.tables(connection))


def _fit_pages(path: Path) -> None:
    """Give the file the pages of the app's: a file in use keeps its own."""
    with closing(sqlite3.connect(path, isolation_level=None)) as driver:
        wanted = swap_sqlite.page_bytes()
        if driver.execute("PRAGMA page_size").fetchone()[0] != wanted:
            driver.execute("PRAGMA journal_mode = DELETE").fetchall()
            driver.execute(f"PRAGMA page_size = {wanted:d}")
            driver.execute("VACUUM")
