"""Databases for tests: a private MariaDB server, and fresh databases of either kind already at head."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pymysql
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

START_SECONDS = 60
_numbers = itertools.count(1)


class MariaDB:
    """A private `mariadbd` in `folder`, listening on a socket there and nowhere else."""

    # For tests that do not ask what a power cut leaves: a database is made and dropped four times as fast.
    NO_SYNC = ("--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=0", "--sync-frm=0")

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.options = options
        self.socket = folder / "s"
        self.process: subprocess.Popen[bytes] | None = None
        command = ["mariadb-install-db", "--no-defaults", f"--datadir={folder / 'data'}", "--skip-test-db"]
        command += ["--auth-root-authentication-method=normal", *self._own()]
        subprocess.run(command, check=True, capture_output=True)

    @staticmethod
    def is_installed() -> bool:
        return bool(shutil.which("mariadbd") and shutil.which("mariadb-install-db"))

    @property
    def url(self) -> URL:
        """The server's address, without a database, of an account that may do everything."""
        return make_url(f"mysql+pymysql://root@localhost/?unix_socket={quote(str(self.socket))}")

    def start(self) -> None:
        """Start the server and return when it answers."""
        command = ["mariadbd", "--no-defaults", f"--datadir={self.folder / 'data'}", f"--socket={self.socket}"]
        # The default set is latin1, as on old hosts: what needs more must ask for it.
        command += ["--skip-networking", "--character-set-server=latin1", *self.options, *self._own()]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            self._wait()
        except BaseException:
            self.stop(signal.SIGKILL)
            raise

    def _wait(self) -> None:
        """Return when the server takes connections, which is a moment after its socket is there."""
        give_up = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > give_up or self.process is None or self.process.poll() is not None:
                raise RuntimeError(f"mariadbd did not start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)
        pymysql.connect(unix_socket=str(self.socket), user="root", ssl_disabled=True).close()

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End the server; with SIGKILL as if it had crashed."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait()
            self.process = None
            self.socket.unlink(missing_ok=True)

    def make_database(self, name: str) -> URL:
        """Make a database of the server's default character set, as an old host would, and return its URL."""
        run_sql(self.url, f"CREATE DATABASE `{name}`")
        return self.url.set(database=name)

    def _own(self) -> list[str]:
        # In a folder for temporary tables that it shares, a server that starts deletes those of the others.
        return [f"--tmpdir={self.folder}", *(["--user=root"] if os.geteuid() == 0 else [])]


def open_engine(url: URL) -> Engine:
    """Return an engine that keeps no connection open and knows nothing of the app's set-up."""
    arguments = {"ssl_disabled": "unix_socket" in url.query} if url.get_backend_name() == "mysql" else {}
    return create_engine(url, poolclass=NullPool, connect_args=arguments)


def run_sql(url: URL, *statements: str) -> None:
    """Run statements on a connection of their own and commit."""
    engine = open_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


class SQLiteDatabases:
    """Fresh SQLite files in `folder`; those at head are copies of one that was migrated once."""

    def __init__(self, folder: Path, upgrade: Callable[[URL], None]) -> None:
        self.folder = folder
        self._template = folder / "template.db"
        upgrade(self._url(self._template))

    def empty(self) -> URL:
        return self._url(self.folder / f"test{next(_numbers)}.db")

    def at_head(self) -> URL:
        url = self.empty()
        shutil.copy(self._template, str(url.database))
        return url

    def drop(self, url: URL) -> None:
        for each in self.folder.glob(f"{Path(str(url.database)).name}*"):
            each.unlink()

    @staticmethod
    def _url(path: Path) -> URL:
        return URL.create("sqlite", database=str(path))


class MySQLDatabases:
    """Fresh databases on a MySQL or MariaDB server; those at head have the tables of one that was migrated once."""

    def __init__(self, server: URL, upgrade: Callable[[URL], None]) -> None:
        self.server = server
        self._prefix = f"commentsite_test_{os.getpid()}"
        self._template = self.empty()
        upgrade(self._template)
        engine = open_engine(self._template)
        with engine.connect() as connection:
            self._tables = [row[0] for row in connection.execute(text("SHOW TABLES"))]
        engine.dispose()

    def empty(self, charset: str = "utf8mb4") -> URL:
        name = f"{self._prefix}_{next(_numbers)}"
        run_sql(self.server, f"CREATE DATABASE {name} CHARACTER SET {charset}")
        return self.server.set(database=name)

    def at_head(self) -> URL:
        url = self.empty()
        template = self._template.database
        run_sql(
            url,
            *(f"CREATE TABLE {table} LIKE {template}.{table}" for table in self._tables),
            *(f"INSERT INTO {table} SELECT * FROM {template}.{table}" for table in self._tables),
        )
        return url

    def drop(self, url: URL) -> None:
        run_sql(self.server, f"DROP DATABASE {url.database}")

    def close(self) -> None:
        self.drop(self._template)


Databases = SQLiteDatabases | MySQLDatabases
