"""The contents of the app's SQLite file replaced in one transaction, so that processes which run see them at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing

from sqlalchemy.engine import Connection

from ..clock import seconds_running
from ..db import db, migration_engine
from ..errors import Conflict
from . import rowhash
from .progress import Progress
from .rowhash import TableHash
from .scratch import Scratch

PAGES = 2000
DEFAULT_PAGE_BYTES = 4096
WAIT_SECONDS = 60
SQLITE_BUSY, SQLITE_LOCKED = 5, 6  # named by the module from Python 3.11 on


class Busy(Conflict):
    """Another process holds the database."""

    title = "Not restored"


def page_bytes() -> int:
    """Return the length of a page of the app's database: a file in use keeps its own."""
    if db.engine.dialect.name != "sqlite":
        return DEFAULT_PAGE_BYTES
    with db.engine.connect() as connection:
        return int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())


def swap(made: Scratch, wanted: Mapping[str, TableHash], progress: Progress) -> None:
    """Make the contents of `made`, whose hashes are `wanted`, those of the app's database.

    Readers see the old contents until the last page is there, and so does who comes after a process that was killed;
    writers wait. Raises Busy where a writer does not end, and RuntimeError if the database is not what it should be.
    """
    engine = migration_engine()
    try:
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - for who reads and for the type checker
            _write(made, driver, progress)
            driver.execute("PRAGMA busy_timeout = 1000")
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            _compare(connection, wanted, progress)
    finally:
        if engine is not db.engine:
            engine.dispose()


def _write(made: Scratch, driver: sqlite3.Connection, progress: Progress) -> None:
    give_up = seconds_running() + WAIT_SECONDS
    done = 0
    with progress("Replacing", made.path.stat().st_size) as advance, closing(sqlite3.connect(made.path)) as source:
        size = source.execute("PRAGMA page_size").fetchone()[0]

        def go_on(status: int, remaining: int, total: int) -> None:
            nonlocal done
            if status in (SQLITE_BUSY, SQLITE_LOCKED) and seconds_running() > give_up:
                raise Busy("Another process writes and does not end. Nothing was changed; end it and try again.")
            advance((total - remaining - done) * size)
            done = total - remaining

        source.backup(driver, pages=PAGES, progress=go_on)


def _compare(connection: Connection, wanted: Mapping[str, TableHash], progress: Progress) -> None:
    """Raise RuntimeError unless the rows are those that were wanted; a running site may have added some already."""
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101
    before = driver.execute("PRAGMA data_version").fetchall()
    with progress("Comparing", sum(each.rows for each in wanted.values())) as advance:
        found = rowhash.hashes(connection, advance=advance)
    # Within the transaction it stays what it was at the first read.
    is_untouched = driver.execute("PRAGMA data_version").fetchall() == before
    if found.keys() != wanted.keys() or any(found[name].rows < each.rows for name, each in wanted.items()):
        raise RuntimeError("rows are missing in the restored database; restore the backup again")
    same_counts = all(found[name].rows == each.rows for name, each in wanted.items())
    if is_untouched and same_counts and found != wanted:
        raise RuntimeError("the restored database has other rows than the backup; restore the backup again")
