"""A MariaDB server killed under load, and one that cuts connections that nobody used."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from commentsite.db import db
from commentsite.versions import MySQLVersions
from tests.databases import MariaDB, open_engine
from tests.servers.clients import ask, post
from tests.servers.processes import Server, documented

from .clients import ALL_IS_WELL, Event, Posters, Readers, compare, stored_texts
from .conftest import Extent, make_site, settings_on

pytestmark = [pytest.mark.faults, pytest.mark.only_on("mysql")]

# How long the server is away, in turn: as long as it takes to start, and longer than a post is tried again.
AWAY_SECONDS = (0, 10)
BACK_SECONDS = 1.0
IDLE_SECONDS = 2
THREADS = 8  # of the site: two processes of four


class Return:
    """Says when a server that was killed takes connections again: `moment`, by time.monotonic()."""

    def __init__(self, mariadb: MariaDB) -> None:
        self.mariadb = mariadb
        self.moment = 0.0
        self.thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Return:
        self.thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self.thread.join()

    def _watch(self) -> None:
        give_up = time.monotonic() + 60
        while not self.moment and time.monotonic() < give_up:
            with suppress(OSError), socket.socket(socket.AF_UNIX) as visitor:
                visitor.connect(str(self.mariadb.socket))
                if visitor.recv(1):  # it greets
                    self.moment = time.monotonic()
            time.sleep(0.002)


def kill_and_start(mariadb: MariaDB, away_seconds: float) -> float:
    """Kill the server, start it again after a time, and return the moment when it was back."""
    mariadb.stop(signal.SIGKILL)
    time.sleep(away_seconds)
    with Return(mariadb) as back:
        mariadb.start()
    return back.moment


def seconds_to_success(events: list[Event], moment: float, status: int) -> float:
    """Return how long after a moment the first success was told."""
    return min(event.over for event in events if event.what == status and event.over > moment) - moment


def test_killed_database_loses_and_doubles_nothing(
    mariadb: MariaDB, tmp_path: Path, extent: Extent, figure: Callable[[str], None]
) -> None:
    mariadb.start()
    url = make_site(mariadb)
    moments = []
    with (
        Server(documented("gunicorn"), tmp_path, settings_on(url, tmp_path)) as server,
        Posters(server.port, tmp_path / "posters") as posters,
        Readers(server.port) as readers,
    ):
        for number in range(extent.database_kills):
            time.sleep(2)
            moments.append(kill_and_start(mariadb, AWAY_SECONDS[number % len(AWAY_SECONDS)]))
        time.sleep(2)
    waits = [seconds_to_success(posters.events, moment, 303) for moment in moments]
    figure(f"{len(moments)} kills, success after {[round(wait, 2) for wait in waits]} s; to posters {posters}")
    figure(f"{len(posters.acknowledged)} acknowledged; to readers {readers}")
    assert compare(posters.acknowledged, posters.sent, stored_texts(url)) == ALL_IS_WELL
    assert posters.bad + readers.bad == []
    assert max(waits) < BACK_SECONDS
    assert posters.answers[503] > 0  # or it was not away for long


@contextmanager
def impatient(mariadb: MariaDB) -> Iterator[MariaDB]:
    """Have a server that cuts connections after IDLE_SECONDS."""
    mariadb.options = (f"--wait-timeout={IDLE_SECONDS}",)
    mariadb.start()
    yield mariadb


def connections(mariadb: MariaDB) -> int:
    """Return how many connections the site holds."""
    with open_engine(mariadb.url).connect() as own:
        return int(own.scalar(text("SELECT count(*) FROM information_schema.processlist WHERE db = 'comments'")))


def ask_together(port: int, round_: int) -> set[int]:
    """Have the site answer more posts and readers at once than it has threads; return the statuses."""
    with ThreadPoolExecutor(4 * THREADS) as pool:
        posts = [pool.submit(post, port, f"{round_} {number}") for number in range(2 * THREADS)]
        paths = ["/", *(f"/threads/{number}" for number in range(2 * THREADS))]
        pages = [pool.submit(ask, port, "GET", path) for path in paths]
        return {each.result().status for each in posts} | {each.result().status for each in pages}


def test_cut_idle_connections_never_reach_a_visitor(
    mariadb: MariaDB, tmp_path: Path, extent: Extent, figure: Callable[[str], None]
) -> None:
    with impatient(mariadb):
        url = make_site(mariadb)
        cut = 0
        with Server(documented("gunicorn"), tmp_path, settings_on(url, tmp_path)) as server:
            for number in range(extent.idle_rounds):
                assert ask_together(server.port, number) == {200, 303}
                held = connections(mariadb)
                time.sleep(IDLE_SECONDS + 1.5)
                cut += held - connections(mariadb)
            assert ask_together(server.port, extent.idle_rounds) == {200, 303}
        figure(f"{cut} connections cut in {extent.idle_rounds} rounds")
        assert cut >= 2 * extent.idle_rounds  # or there was nothing to notice
        assert "database away" not in server.log
        assert len(stored_texts(url)) == (extent.idle_rounds + 1) * 2 * THREADS


def connection_used(app: Flask) -> int:
    with app.app_context():
        return int(db.session.scalar(text("SELECT CONNECTION_ID()")) or 0)


@pytest.mark.parametrize(("idle_seconds", "is_used"), [(270, True), (285, False)])
def test_no_connection_waits_for_the_host_to_cut_it(
    app: Flask, monkeypatch: pytest.MonkeyPatch, idle_seconds: int, is_used: bool
) -> None:
    before = connection_used(app)
    now = time.time()
    monkeypatch.setattr("sqlalchemy.pool.base.time.time", lambda: now + idle_seconds)
    assert (connection_used(app) == before) == is_used


@pytest.mark.parametrize(("idle_seconds", "is_used"), [(270, True), (285, False)])
def test_front_has_no_connection_that_waits_for_the_host(
    app: Flask, monkeypatch: pytest.MonkeyPatch, idle_seconds: int, is_used: bool
) -> None:
    with app.app_context():
        versions = MySQLVersions(db.engine)
    assert versions.state(1) is not None
    before = versions.connection.thread_id()
    now = time.monotonic()
    monkeypatch.setattr("commentsite.versions.seconds_running", lambda: now + idle_seconds)
    assert versions.state(1) is not None
    assert (versions.connection.thread_id() == before) == is_used
