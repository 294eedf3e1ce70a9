"""The database: base class, types, engines set up for each kind, and the one place where a write is tried again."""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Callable
from datetime import datetime, timezone
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy import DateTime, Dialect, Engine, MetaData, create_engine, event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import DeclarativeBase, scoped_session
from sqlalchemy.orm import registry as Registry  # noqa: N812
from sqlalchemy.types import Text, TypeDecorator, TypeEngine
from werkzeug.local import LocalProxy

from .clock import pause, seconds_running
from .commands import add_commands
from .config import MIGRATIONS_DIR
from .hosts import hosts_in, use_hosts
from .pool import ask_the_idle, end_transactions

if TYPE_CHECKING:
    from flask_migrate import Migrate

Result = TypeVar("Result")

# No name for primary keys: MySQL calls each PRIMARY, and the tutorial's SQLite tables left theirs unnamed.
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
}

SQLITE_WAIT_SECONDS = 30
SQLITE_ASK_SECONDS = (0.0002, 0.0006)  # it commits some thousand times a second
MYSQL_CONNECT_SECONDS = 5
# A server that hangs is asked twice before it is given up: together less than a proxy in front waits.
MYSQL_ANSWER_SECONDS = 8
MYSQL_LOCK_SECONDS = 5
MYSQL_RECYCLE_SECONDS = 280  # PythonAnywhere cuts connections that were idle for 300 s

RETRY_SECONDS = 8
# MySQL and MariaDB errors that mean "not now": no server (2002, 2003, 2006, 2013, 1927, 4031, 1053),
# lock wait, deadlock and a row or table that another changed (1205, 1213, 1020, 1412), a Galera node or commit that
# refuses (1047, 1180), too many connections (1040). A commit that came second to one at another Galera node is refused
# with 1213.
PASSING_MYSQL_ERRORS = frozenset({1020, 1040, 1047, 1053, 1180, 1205, 1213, 1412, 1927, 2002, 2003, 2006, 2013, 4031})

# The server found no space: waited for some (1021), could not extend a table (1114), or a file: 3, 20, 1026 and 1030
# say which error of the system it was, and 28 is "no space left on device", 122 a quota that is used up. (In "Got
# error 122", however, it is a number of the storage engine.)
FULL_MYSQL_ERRORS = frozenset({1021, 1114})
FULL_MYSQL_FILE_ERRORS = frozenset({3, 20, 1026, 1030})
FULL_FILE = re.compile(r"(?i)(?:error 28|err(?:no|code):? (?:28|122))\b")


class UTCDateTime(TypeDecorator[datetime]):
    """A moment: takes aware values only, keeps UTC to the microsecond on every database, gives aware UTC back."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "mysql":
            # Here, and not above, like all that MySQL alone needs: it takes a site on SQLite 80 ms and 4 MB.
            from sqlalchemy.dialects import mysql

            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment needs its zone: {value!r}")
        return value.astimezone(timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=timezone.utc)


class MediumText(Text):
    """MySQL's text of up to 16 MB, by the name that its dialect knows it by."""

    __visit_name__ = "MEDIUMTEXT"


class NotWritten(Exception):
    """What was to be written with others has to be written alone, for a reason that is found then."""


class Base(DeclarativeBase):
    """The base of every table."""

    registry: ClassVar[Registry] = Registry(
        metadata=MetaData(naming_convention=NAMES), type_annotation_map={datetime: UTCDateTime}
    )


# What was just committed is known, so it is not read again.
db = SQLAlchemy(model_class=Base, disable_autonaming=True, session_options={"expire_on_commit": False})


def init_app(app: Flask) -> None:
    """Give `app` its engine, set up for the kind of database, and the `db` commands."""
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        **engine_options(make_url(app.config["SQLALCHEMY_DATABASE_URI"])),
        **app.config.get("SQLALCHEMY_ENGINE_OPTIONS", {}),
    }
    db.init_app(app)
    # Flask-Migrate brings Alembic and Mako, a quarter of all that is loaded otherwise; who only serves needs neither.
    app.extensions["migrate"] = LocalProxy(lambda: _wire_migrate(app))
    add_commands(app, lambda: _wire_migrate(app) and ())
    app.teardown_appcontext(_end_session)  # the last one added runs first, before Flask-SQLAlchemy's own
    with app.app_context():
        prepare_engine(db.engine)


@cache
def migrate() -> Migrate:
    """Return Flask-Migrate, which is loaded when it is first asked for."""
    from flask_migrate import Migrate

    return Migrate(db=db, directory=MIGRATIONS_DIR, compare_type=True, compare_server_default=True)


def _wire_migrate(app: Flask) -> Any:
    """Wire Flask-Migrate, which takes the place that was held for it, and return what it keeps for `app`."""
    migrate().init_app(app)
    return app.extensions["migrate"]


def engine_options(url: URL, *, answer_seconds: int | None = MYSQL_ANSWER_SECONDS) -> dict[str, Any]:
    """Return what `create_engine` is to be given for `url`; `answer_seconds` bounds a statement on MySQL (None: no).

    The engine is then for `prepare_engine`: by itself it does not end what was not committed.
    """
    if url.get_backend_name() == "sqlite":
        # The connection used last is used first: for each, SQLite keeps two megabytes of the file in memory.
        order = {} if is_in_memory(url) else {"pool_use_lifo": True}
        return {"hide_parameters": True, "connect_args": {"timeout": SQLITE_WAIT_SECONDS}, **order}
    begin = f"SET time_zone = '+00:00', innodb_lock_wait_timeout = {MYSQL_LOCK_SECONDS}"
    if hosts_in(url):
        # Each transaction sees all that any node of the cluster had acknowledged before its first read.
        begin += ", wsrep_sync_wait = 1"
    return {
        "hide_parameters": True,  # what people write is not for the log
        # One of several that hangs is to be left by whoever comes first; else pool.py asks, less often.
        "pool_pre_ping": hosts_in(url) is not None,
        "pool_reset_on_return": None,  # pool.py does it
        "pool_recycle": MYSQL_RECYCLE_SECONDS,
        "connect_args": {
            "charset": "utf8mb4",
            # A socket file leaves the machine by no wire, and reading the certificates takes 60 ms a connection.
            "ssl_disabled": "unix_socket" in url.query,
            "connect_timeout": MYSQL_CONNECT_SECONDS,
            "read_timeout": answer_seconds,
            "write_timeout": answer_seconds,
            # TRADITIONAL is strict: what does not fit is an error, where MySQL would cut it short in silence.
            "sql_mode": "TRADITIONAL",
            "init_command": begin,
        },
    }


def is_in_memory(url: URL) -> bool:
    """Say whether a database is one of SQLite's in memory, which goes with its connection."""
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def migration_engine() -> Engine:
    """Return a new engine for the app's database whose statements may take as long as a large table needs."""
    url = db.engine.url
    if is_in_memory(url):
        return db.engine
    engine = create_engine(url, **engine_options(url, answer_seconds=None))
    prepare_engine(engine)
    return engine


def prepare_engine(engine: Engine) -> None:
    """Have each connection of `engine` begin as the durability of a comment needs it."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return
    use_hosts(engine)
    end_transactions(engine)
    if hosts_in(engine.url) is None:
        ask_the_idle(engine)


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # The driver's own transactions begin late and not at all before DDL; ours begin in _begin_sqlite.
    connection.isolation_level = None
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode not in ("wal", "memory"):
        # Network file systems refuse WAL. EXTRA makes the old journal as safe against a power cut.
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = EXTRA")
    else:
        connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and then writes fails at once under other writers; a writer says so at BEGIN.
    if not connection.get_execution_options().get("is_writing", False):
        connection.exec_driver_sql("BEGIN")
        return
    try:
        begin_writing(connection.connection.driver_connection)
    except sqlite3.OperationalError as error:
        raise OperationalError("BEGIN IMMEDIATE", None, error) from error


def begin_writing(driver: Any) -> None:
    """Begin a writing transaction on SQLite when the others have ended theirs. Raises the driver's OperationalError.

    SQLite's own wait sleeps longer each time it finds the file locked, up to 100 ms, so that whoever waits longest is
    overtaken by all who come later. Asking costs some microseconds; this asks often, for as long as SQLite would.
    """
    (milliseconds,) = driver.execute("PRAGMA busy_timeout").fetchone()
    give_up = seconds_running() + milliseconds / 1000
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or seconds_running() > give_up:
                    raise
            pause(random.uniform(*SQLITE_ASK_SECONDS))  # noqa: S311 - so that no two keep step
    finally:
        driver.execute(f"PRAGMA busy_timeout = {milliseconds}")


def in_transaction(
    work: Callable[[scoped_session[Session]], Result], *, first: Callable[[], Result] | None = None
) -> Result:
    """Run `work(session)` in one writing transaction, commit it and return what it returned.

    Where there is a `first`, which has a transaction of its own, that is tried before; it raises NotWritten if `work`
    is to be run.
    A transaction refused for a passing reason (deadlock, lock wait, lost connection) is run again from
    its beginning, for RETRY_SECONDS at most; then, and for any other reason, the error is raised.
    A commit whose answer was lost may have happened: `work` must be such that a second run is refused by a key.
    """
    session = db.session
    give_up = seconds_running() + RETRY_SECONDS
    wait = 0.02
    while True:
        try:
            if session.registry.has():
                session.rollback()
            if first is not None:
                attempt, first = first, None
                return attempt()
            session.connection(execution_options={"is_writing": True})
            result = work(session)
            session.commit()
            return result
        except NotWritten:
            continue
        except DBAPIError as error:
            _discard(session)
            if not is_passing(error) or seconds_running() + wait > give_up:
                raise
            pause(wait * random.uniform(0.5, 1.5))  # noqa: S311 - spreads out those who wait
            wait = min(wait * 2, 1.0)
        except BaseException:
            _discard(session)
            raise


def _end_session(_error: BaseException | None) -> None:
    """End what the session still has open; a connection that is lost by then must not spoil the answer."""
    if not db.session.registry.has():
        return
    try:
        db.session.close()
    except DBAPIError:
        db.session().invalidate()


def _discard(session: scoped_session[Session]) -> None:
    """Roll back, or where even that fails with the connection, let go of it."""
    try:
        session.rollback()
    except DBAPIError:
        session().invalidate()


def is_passing(error: DBAPIError) -> bool:
    """Say whether the database refused for a reason that may be gone in a moment."""
    if error.connection_invalidated:
        return True
    reason = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return reason in PASSING_MYSQL_ERRORS or "database is locked" in str(reason)


def is_full(error: DBAPIError) -> bool:
    """Say whether the database had no space left to write in."""
    arguments = error.orig.args if error.orig is not None else ()
    reason = arguments[0] if arguments else None
    if reason in FULL_MYSQL_FILE_ERRORS:
        return bool(FULL_FILE.search(str(arguments[1:])))
    return reason in FULL_MYSQL_ERRORS or "database or disk is full" in str(reason)
