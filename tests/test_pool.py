"""Connections to MySQL that wait in the pool: what the server is asked before they are used, and afterwards."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pymysql
import pytest
from flask import Flask
from sqlalchemy import Engine, text

from commentsite import pool
from commentsite.clock import seconds_running
from commentsite.db import db
from commentsite.pool import PING_SECONDS
from tests.comments.pages import post

pytestmark = pytest.mark.only_on("mysql")


@pytest.fixture
def engine(app: Flask) -> Iterator[Engine]:
    """The engine of an app, with one connection that was used a moment ago."""
    with app.app_context():
        with db.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        yield db.engine


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the calls that ask the server for no statement, as they are made."""
    made: list[str] = []
    for name in ("ping", "rollback", "commit", "connect"):
        call = getattr(pymysql.Connection, name)

        def noted(*arguments: object, name: str = name, call: object = call) -> object:
            made.append(name)
            return call(*arguments)  # type: ignore[operator]

        monkeypatch.setattr(pymysql.Connection, name, noted)
    return made


def test_post_is_committed_without_a_ping_or_a_rollback(app: Flask, trips: list[str]) -> None:
    client = app.test_client()
    post(client, "first")
    trips.clear()
    assert post(client, "second").status_code == 303
    assert trips == ["commit"]


def test_connection_idle_for_long_is_asked_first(
    engine: Engine, trips: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = seconds_running() + PING_SECONDS + 1
    monkeypatch.setattr(pool, "seconds_running", lambda: now)
    engine.raw_connection().close()
    engine.raw_connection().close()
    assert trips == ["ping", "rollback", "rollback"]


def test_connection_that_the_server_has_something_to_say_on_is_asked_first(
    engine: Engine, trips: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_is_quiet", lambda _connection: False)
    engine.raw_connection().close()
    assert trips == ["ping", "rollback"]


def test_all_that_wait_are_made_anew_after_one_was_lost(engine: Engine, trips: list[str]) -> None:
    used = [engine.raw_connection() for _ in range(3)]
    sockets = [each.driver_connection._sock for each in used if each.driver_connection]
    for each in used:
        each.close()
    for each in sockets:
        each.shutdown(socket.SHUT_RDWR)  # as when the server is gone
    trips.clear()
    for _ in sockets:
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT 1")) == 1
    assert trips.count("ping") == 1


def test_what_was_not_committed_is_rolled_back(engine: Engine) -> None:
    for version, is_committed in enumerate([True, False, False], 100):
        connection = engine.raw_connection()
        connection.cursor().execute(f"UPDATE threads SET version = {version}")
        if is_committed:
            connection.commit()
            pool.note_committed(connection)  # counts for once
        connection.close()
    with engine.connect() as reader:
        assert reader.scalar(text("SELECT version FROM threads")) == 100
