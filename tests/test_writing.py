"""What waits for its turn is written together, and one that cannot be written is nobody else's trouble."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import bindparam, insert, select

from commentsite import writing
from commentsite.db import Base, NotWritten, begin_writing, db
from commentsite.writing import Run, Together

THREADS = Base.metadata.tables["threads"]
INSERT = insert(THREADS).values(key=bindparam("name"), comment_count=0, version=0, latest=None).inline()


class Writer:
    """Writes threads by their keys, and notes which of them together; the first waits for `may_go`."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.together = Together(self.write)
        self.batches: list[list[str]] = []
        self.has_begun, self.may_go = threading.Event(), threading.Event()

    def write(self, run: Run, keys: Sequence[str]) -> list[str | None]:
        self.batches.append(list(keys))
        self.has_begun.set()
        self.may_go.wait(10)
        for key in keys:
            if key == "/wrong":
                raise ValueError(key)
            run(INSERT, {"name": key})
        return [None if key == "/left-out" else key for key in keys]

    def add(self, key: str) -> str:
        with self.app.app_context():
            return self.together.add(key)

    def stored(self) -> set[str]:
        with self.app.app_context():
            return set(db.session.scalars(select(THREADS.c.key).where(THREADS.c.key != "/")))


@pytest.fixture
def writer(app: Flask) -> Writer:
    return Writer(app)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def behind(writer: Writer, pool: ThreadPoolExecutor, keys: Sequence[str]) -> list[Future[str]]:
    """Have `/first` written and `keys` wait meanwhile; return what becomes of these."""
    first = pool.submit(writer.add, "/first")
    writer.has_begun.wait(10)
    waiting = [pool.submit(writer.add, key) for key in keys]
    with writer.app.app_context():
        queue = writer.together._queues[db.engine]
    while len(queue.waiting) < len(keys):
        time.sleep(0.001)
    writer.may_go.set()
    first.result(10)
    return waiting


def test_those_that_wait_are_written_in_one_transaction(writer: Writer, pool: ThreadPoolExecutor) -> None:
    waiting = behind(writer, pool, ["/a", "/b", "/c"])
    assert [each.result(10) for each in waiting] == ["/a", "/b", "/c"]
    assert [sorted(batch) for batch in writer.batches] == [["/first"], ["/a", "/b", "/c"]]
    assert writer.stored() == {"/first", "/a", "/b", "/c"}


def test_no_more_are_written_together_than_a_number(
    writer: Writer, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MOST_TOGETHER", 2)
    for each in behind(writer, pool, ["/a", "/b", "/c"]):
        each.result(10)
    assert [len(batch) for batch in writer.batches] == [1, 2, 1]


def test_one_left_out_is_told_so_and_the_others_are_written(writer: Writer, pool: ThreadPoolExecutor) -> None:
    left_out, written = behind(writer, pool, ["/left-out", "/a"])
    with pytest.raises(NotWritten):
        left_out.result(10)
    assert written.result(10) == "/a"


def test_error_of_one_sends_all_to_be_written_alone(writer: Writer, pool: ThreadPoolExecutor) -> None:
    for each in behind(writer, pool, ["/a", "/wrong"]):
        with pytest.raises(NotWritten):
            each.result(10)
    assert writer.stored() == {"/first"}


def test_key_that_is_taken_sends_all_to_be_written_alone(writer: Writer, pool: ThreadPoolExecutor) -> None:
    for each in behind(writer, pool, ["/a", "/first"]):
        with pytest.raises(NotWritten):
            each.result(10)
    assert writer.stored() == {"/first"}
    assert writer.add("/b") == "/b"


def test_one_that_waits_too_long_leaves_and_is_not_written(
    writer: Writer, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "TURN_SECONDS", 0.05)
    first = pool.submit(writer.add, "/first")
    writer.has_begun.wait(10)
    with pytest.raises(NotWritten):
        writer.add("/late")
    writer.may_go.set()
    first.result(10)
    writer.add("/b")
    assert writer.batches == [["/first"], ["/b"]]


@pytest.fixture
def file(tmp_path: Path) -> Iterator[tuple[sqlite3.Connection, sqlite3.Connection]]:
    """Two connections to one file."""
    pair = [sqlite3.connect(tmp_path / "file", 0.2, isolation_level=None, check_same_thread=False) for _ in range(2)]
    yield pair[0], pair[1]
    for each in pair:
        each.close()


def test_writer_begins_when_the_other_has_ended(file: tuple[sqlite3.Connection, sqlite3.Connection]) -> None:
    own, other = file
    own.execute("PRAGMA busy_timeout = 10000")
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.1, other.rollback).start()
    begin_writing(own)
    assert own.in_transaction
    assert own.execute("PRAGMA busy_timeout").fetchone() == (10_000,)


def test_writer_gives_up_after_the_time_that_sqlite_would_wait(
    file: tuple[sqlite3.Connection, sqlite3.Connection],
) -> None:
    own, other = file
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        begin_writing(own)
    assert own.execute("PRAGMA busy_timeout").fetchone() == (200,)
