"""The turn to upgrade a database or to go back: one process has it, the others wait."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import sqlalchemy as sa

from ..clock import pause, seconds_running
from ..db import db, migration_engine
from ..errors import Conflict

WAIT_SECONDS, PAUSE_SECONDS = 3600, 0.5
# The connection is idle for as long as the upgrade takes; hosts cut such.
IDLE_SECONDS = 8 * 3600
LOCK_NAME = "commentsite-upgrade-{}"


class NoTurn(Conflict):
    """Another process has had the turn for long, or nobody can have it."""

    title = "Not upgraded"


@contextmanager
def turn(say: Callable[[], object]) -> Iterator[None]:
    """Have the turn; where another process has it, call `say` and wait. It goes with the process.

    Raises NoTurn after WAIT_SECONDS.
    """
    with (_mysql_turn if db.engine.dialect.name == "mysql" else _sqlite_turn)(say):
        yield


@contextmanager
def _sqlite_turn(say: Callable[[], object]) -> Iterator[None]:
    # A lock of SQLite's on an empty file beside; removing the file would let two have it.
    path = f"{db.engine.url.database}.upgrade"
    with closing(_opened(path)) as driver:

        def is_free() -> bool:
            try:
                driver.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise NoTurn(f"{path} cannot be locked: {error}") from None
                return False
            return True

        _wait(is_free, say)
        yield


def _opened(path: str) -> sqlite3.Connection:
    try:
        return sqlite3.connect(path, timeout=0, isolation_level=None)
    except sqlite3.OperationalError as error:
        raise NoTurn(f"{path} cannot be opened: {error}") from None


@contextmanager
def _mysql_turn(say: Callable[[], object]) -> Iterator[None]:
    engine = migration_engine()
    name = LOCK_NAME.format(hashlib.sha256(str(engine.url.database).encode()).hexdigest()[:16])
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"SET SESSION wait_timeout = {IDLE_SECONDS:d}")
            asked = sa.text("SELECT GET_LOCK(:name, 0)")
            _wait(lambda: bool(connection.execute(asked, {"name": name}).scalar()), say)
            connection.commit()
            yield
    finally:
        engine.dispose()  # and the lock goes with the connection


def _wait(is_free: Callable[[], bool], say: Callable[[], object]) -> None:
    if is_free():
        return
    say()
    give_up = seconds_running() + WAIT_SECONDS
    while not is_free():
        if seconds_running() > give_up:
            raise NoTurn(
                f"Another upgrade or rollback of this database has run for {WAIT_SECONDS // 60} minutes. "
                "End it, or wait, and type the command again."
            )
        pause(PAUSE_SECONDS)
