"""A database of one's own in an SQLite file, brought to a revision by this program's migrations."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from alembic import command
from alembic.util import CommandError
from flask import Flask, current_app
from sqlalchemy.engine import URL, Connection

from .. import db as database
from ..errors import Conflict

PREFIX = ".commentsite-"


@contextmanager
def folder(beside: Path | None) -> Iterator[Path]:
    """Give a folder for files that go when it is left; in `beside`, or where the system keeps such.

    Only its owner may look into it. Those that killed processes of this machine left there are removed.
    """
    place = beside or Path(tempfile.gettempdir())
    own = f"{PREFIX}{socket.gethostname()}-"
    for left in place.glob(f"{own}*-*"):
        number = left.name[len(own) :].partition("-")[0]
        if number.isdecimal() and not _is_running(int(number)):
            shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=f"{own}{os.getpid()}-", dir=place)).absolute()
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _is_running(process: int) -> bool:
    if os.name != "posix":  # where os.kill ends what it asks after
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


class _Silent(logging.Handler):
    """Takes what migrations say of each step, which is of no use here."""

    def emit(self, record: logging.LogRecord) -> None:
        pass


class MigrationFailed(Conflict):
    """A migration refused, for a reason in words."""

    title = "Not upgraded"


def migrate_app(revision: str = "head", arguments: Sequence[str] = ()) -> None:
    """Bring the database of the current app to `revision`, and say nothing of it.

    `arguments` are what `-x` gives to migrations. Raises MigrationFailed where one refuses, else what it raises.
    """
    config = current_app.extensions["migrate"].migrate.get_config(x_arg=list(arguments))
    logger, silent = logging.getLogger("alembic"), _Silent()
    logger.addHandler(silent)
    try:
        command.upgrade(config, revision)
    except CommandError as error:
        raise MigrationFailed(str(error)) from None
    finally:
        logger.removeHandler(silent)


def app_on(url: URL) -> Flask:
    """Return an app that has a database and nothing else."""
    app = Flask("commentsite", root_path=str(Path(tempfile.gettempdir()).absolute()))
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    database.init_app(app)
    return app


class Scratch:
    """The database in the file `path`, which is made with pages of `page_bytes` unless it is there."""

    def __init__(self, path: Path, *, page_bytes: int = 4096) -> None:
        if not path.exists():
            with closing(sqlite3.connect(path, isolation_level=None)) as new:
                new.executescript(f"PRAGMA page_size = {page_bytes:d}; CREATE TABLE a (b); DROP TABLE a;")
        self.path = path
        self._app = app_on(URL.create("sqlite", database=str(path)))

    def upgrade(self, revision: str = "head", arguments: Sequence[str] = ()) -> None:
        """Run the migrations up to `revision`. Raises what they raise."""
        with self._app.app_context():
            migrate_app(revision, arguments)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Give a connection whose transaction writes and is committed at the end; a power cut may spoil the file."""
        with self._app.app_context():  # for no longer: else the site's database would be taken for this one
            engine = database.db.engine
        try:
            with engine.connect().execution_options(is_writing=True) as connection:
                driver = connection.connection.driver_connection
                for pragma in ("journal_mode = DELETE", "synchronous = OFF", "cache_size = -65536"):
                    driver.execute(f"PRAGMA {pragma}")  # type: ignore[union-attr]
                with connection.begin():
                    yield connection
        finally:
            engine.dispose()
