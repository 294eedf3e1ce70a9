"""How connections begin, and what is done when the database is away."""

from __future__ import annotations

import gc
import signal
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask, Response
from flask_sqlalchemy.session import Session
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import scoped_session

from commentsite.db import (
    MYSQL_ANSWER_SECONDS,
    MYSQL_CONNECT_SECONDS,
    MYSQL_LOCK_SECONDS,
    _set_up_sqlite,
    db,
    engine_options,
    in_transaction,
)
from tests.conftest import upgrade_to_head
from tests.databases import MariaDB, run_sql


def scalar(app: Flask, sql: str) -> object:
    with app.app_context():
        return db.session.scalar(text(sql))


@pytest.mark.only_on("sqlite")
def test_sqlite_is_set_up_to_lose_nothing(app: Flask) -> None:
    assert scalar(app, "PRAGMA journal_mode") == "wal"
    assert scalar(app, "PRAGMA synchronous") == 2
    assert scalar(app, "PRAGMA foreign_keys") == 1
    assert scalar(app, "PRAGMA busy_timeout") == 30_000


@pytest.mark.only_on("sqlite")
def test_sqlite_readers_are_not_stopped_by_a_writer(app: Flask) -> None:
    is_writing, may_end = threading.Event(), threading.Event()

    def write() -> None:
        def work(session: object) -> None:
            is_writing.set()
            may_end.wait(10)

        with app.app_context():
            in_transaction(work)

    writer = threading.Thread(target=write)
    writer.start()
    is_writing.wait(10)
    assert app.test_client().get("/").status_code == 200
    may_end.set()
    writer.join()


@pytest.mark.only_on("mysql")
def test_mysql_is_strict_and_in_utc(app: Flask) -> None:
    assert "STRICT_TRANS_TABLES" in str(scalar(app, "SELECT @@sql_mode"))
    assert scalar(app, "SELECT @@time_zone") == "+00:00"
    assert scalar(app, "SELECT @@character_set_connection") == "utf8mb4"


def test_mysql_options_fit_a_host_that_cuts_idle_connections() -> None:
    assert engine_options(make_url("mysql+pymysql://u@h/d"))["pool_recycle"] < 300


def test_hosts_of_a_cluster_are_asked_each_time() -> None:
    assert engine_options(make_url("mysql+pymysql://u@h/d?hosts=h:1,i:1"))["pool_pre_ping"]


@pytest.mark.only_on("mysql")
def test_connection_cut_by_the_server_is_not_noticed(app: Flask) -> None:
    client = app.test_client()
    client.get("/")
    with app.app_context():
        own = db.session.scalar(text("SELECT CONNECTION_ID()"))
        others = db.session.scalars(
            text("SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> :own"), {"own": own}
        ).all()
        for number in others:
            db.session.execute(text(f"KILL {number}"))
        with pytest.raises(OperationalError):
            db.session.execute(text(f"KILL {own}"))
        db.session().invalidate()
    assert client.get("/").status_code == 200


@pytest.mark.only_on("mysql")
def test_connection_lost_after_the_last_statement_does_not_cost_the_answer(app: Flask, database: URL) -> None:
    @app.get("/late")
    def late() -> str:
        run_sql(database, f"KILL {db.session.scalar(text('SELECT CONNECTION_ID()'))}")
        return "all is done"

    assert app.test_client().get("/late").text == "all is done"


@pytest.mark.only_on("mysql")
def test_connection_lost_after_the_answer_was_made_does_not_spoil_it(app: Flask) -> None:
    @app.after_request
    def lose(response: Response) -> Response:
        own = db.session.scalar(text("SELECT CONNECTION_ID()"))
        with db.engine.connect() as other:
            other.execute(text(f"KILL {own}"))
        return response

    assert app.test_client().get("/").status_code == 200


@pytest.mark.only_on("mysql")
def test_write_is_tried_again_where_a_migration_built_its_table_anew_meanwhile(app: Flask, database: URL) -> None:
    runs: list[int] = []

    def work(session: scoped_session[Session]) -> int:
        session.execute(text("SELECT id FROM threads"))
        if not runs:
            run_sql(database, "ALTER TABLE comments ADD COLUMN place INT NULL, ALGORITHM=COPY")
        runs.append(1)
        return len(session.execute(text("SELECT id FROM comments FOR UPDATE")).all())

    with app.app_context():
        assert in_transaction(work) == 0
    assert len(runs) == 2


@pytest.fixture
def mariadb(tmp_path: Path, lane_missing: Callable[[str], None]) -> MariaDB:
    if not MariaDB.is_installed():
        lane_missing("no mariadbd here: install Debian's mariadb-server")
    return MariaDB(tmp_path)


# PyMySQL leaves the socket of a connection that failed to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_away_database_keeps_the_text_and_comes_back(
    mariadb: MariaDB, make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commentsite.db.RETRY_SECONDS", 0.2)
    mariadb.start()
    try:
        url = mariadb.make_database("comments")
        upgrade_to_head(url)
        client = make_app(url).test_client()
        assert client.post("/", data={"content": "one"}).status_code == 303
        mariadb.stop(signal.SIGKILL)
        answer = client.post("/", data={"content": "two & more"})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert "two &amp; more</textarea>" in answer.text
        assert client.get("/").status_code == 503
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        mariadb.start()
        assert client.post("/", data={"content": "two & more"}).status_code == 303
        page = client.get("/").text
        assert (page.count("two &amp; more"), page.count(">one<")) == (1, 1)
    finally:
        mariadb.stop()
        gc.collect()


@pytest.mark.only_on("sqlite")
def test_locked_file_is_read_but_a_post_is_kept_for_later(
    database: URL, make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commentsite.db.RETRY_SECONDS", 0.2)
    client = make_app(database, SQLALCHEMY_ENGINE_OPTIONS={"connect_args": {"timeout": 0.05}}).test_client()
    other = sqlite3.connect(str(database.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answer = client.post("/", data={"content": "typed"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "typed</textarea>" in answer.text
    assert client.get("/").status_code == 200
    other.close()
    assert client.post("/", data={"content": "typed"}).status_code == 303


def test_folder_that_refuses_wal_is_as_safe() -> None:
    """A stand-in for a network file system, which answers that it stays with the old journal."""
    said: list[str] = []

    class Connection:
        def execute(self, sql: str) -> Connection:
            said.append(sql)
            return self

        def fetchone(self) -> tuple[str]:
            return ("delete",)

    _set_up_sqlite(Connection(), None)
    assert said[1:] == ["PRAGMA journal_mode = DELETE", "PRAGMA synchronous = EXTRA", "PRAGMA foreign_keys = ON"]


def test_hanging_database_is_given_up_before_a_proxy_in_front_gives_us_up() -> None:
    assert 2 * MYSQL_ANSWER_SECONDS + MYSQL_CONNECT_SECONDS < 30
    assert MYSQL_LOCK_SECONDS < MYSQL_ANSWER_SECONDS


def test_hanging_database_keeps_the_text(mariadb: MariaDB, make_app: Callable[..., Flask]) -> None:
    mariadb.start()
    assert mariadb.process
    url = mariadb.make_database("comments")
    upgrade_to_head(url)
    options = engine_options(url, answer_seconds=1)
    client = make_app(url, SQLALCHEMY_ENGINE_OPTIONS={"connect_args": options["connect_args"]}).test_client()
    client.get("/")
    mariadb.process.send_signal(signal.SIGSTOP)
    answer = client.post("/", data={"content": "typed"})
    mariadb.process.send_signal(signal.SIGCONT)
    assert answer.status_code == 503
    assert "typed</textarea>" in answer.text
    assert client.post("/", data={"content": "typed"}).status_code == 303
    mariadb.stop()
