"""The version that a thread has in the database now, asked for without SQLAlchemy: it stands before every cached page.

Nothing here waits long: who gets no answer has the app make the page, which says so if it cannot.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from typing import Any, Protocol
from weakref import WeakSet

from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from .clock import seconds_running
from .db import MYSQL_RECYCLE_SECONDS, is_in_memory
from .hosts import is_left, is_lost, note_lost

# The version, the time of the newest comment as text (a restored backup may have a version again, but
# hardly with the same comments), and the revision of the schema.
State = tuple[int, object, str | None]

# The revision is joined because a subquery for it takes MySQL a sixth longer.
STATE = "SELECT version, latest, version_num FROM threads, alembic_version WHERE id = "

# In one column: PyMySQL takes as long for each as MySQL does for all.
STATES = "SELECT CONCAT_WS(' ', id, version, version_num, latest) FROM threads, alembic_version WHERE id IN"

LOCK_SECONDS = 1.0
AWAY_SECONDS = 1.0


class Versions(Protocol):
    """Says what state a thread is in."""

    def state(self, thread_id: int) -> State | None:
        """Return the state that the last commit left; None where there is no such thread, or no answer."""


def versions_of(engine: Engine) -> Versions | None:
    """Return what asks the database of `engine`; None for one in memory, which nobody else can ask."""
    if engine.dialect.name == "mysql":
        return MySQLVersions(engine)
    return None if is_in_memory(engine.url) else SQLiteVersions(engine)


def own_connection(engine: Engine) -> Any:
    """Return a connection of the driver, set up like those of `engine` but not one of its pool's."""
    pooled = engine.raw_connection()
    pooled.detach()
    return pooled.dbapi_connection


def _state_of(text: str) -> tuple[int, State]:
    """Return the id of a thread and its state, as STATES finds them; the time is left out where there is none."""
    number, version, revision, *latest = text.split(" ", 3)
    return int(number), (int(version), latest[0] if latest else None, revision)


class _Own:
    """A thread's own connection, and what it has seen by it."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.data_version: Any = None
        self.known: dict[int, State | None] = {}


class SQLiteVersions:
    """Asks SQLite whether anything was written since it asked last, which costs some microseconds, and only then reads.

    Each thread has a connection that writes nothing: `data_version` counts the commits of others.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.local = threading.local()
        self.all: WeakSet[_Own] = WeakSet()
        event.listen(engine, "engine_disposed", self._close)

    def state(self, thread_id: int) -> State | None:
        try:
            return self._state(thread_id)
        except (sqlite3.Error, DBAPIError, NoFreeConnection):
            self.local.__dict__.clear()
            return None

    def _state(self, thread_id: int) -> State | None:
        own: _Own | None = getattr(self.local, "own", None)
        if own is None:
            own = self.local.own = _Own(own_connection(self.engine))
            self.all.add(own)
        # Rows are fetched to the end: a statement that is not finished goes on seeing what was there when it began.
        data_version = own.connection.execute("PRAGMA data_version").fetchall()
        if data_version != own.data_version:
            own.data_version, own.known = data_version, {}
        if thread_id not in own.known:
            rows = own.connection.execute(f"{STATE}?", (thread_id,)).fetchall()
            own.known[thread_id] = rows[0] if rows else None
        return own.known[thread_id]

    def _close(self, _engine: object) -> None:
        for own in list(self.all):
            own.connection.close()


class _Question:
    """Somebody who waits for the state of a thread."""

    def __init__(self, thread_id: int) -> None:
        self.thread_id = thread_id
        self.is_answered = False
        self.answer: State | None = None


class MySQLVersions:
    """Asks MySQL over one connection of its own a process, for all threads together.

    A connection of the pool would cost three trips to the server instead of one. Those who come while one is on its
    way share the next: it begins after they came, so what it finds is true for each of them.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.driver = engine.dialect.loaded_dbapi
        self.lock = threading.Lock()
        self.waiting: deque[_Question] = deque()
        self.connection: Any = None
        self.process = 0
        self.used_at = 0.0
        self.away_until = 0.0
        event.listen(engine, "engine_disposed", self._close)

    def state(self, thread_id: int) -> State | None:
        if seconds_running() < self.away_until:
            return None
        question = _Question(thread_id)
        self.waiting.append(question)
        # Whoever holds the lock for long waits for a server that hangs; the others need not wait for that in a row.
        if not self.lock.acquire(timeout=LOCK_SECONDS):
            with suppress(ValueError):
                self.waiting.remove(question)
            return None
        try:
            if not question.is_answered:
                self._answer()
            return question.answer
        except (self.driver.Error, OSError, DBAPIError, NoFreeConnection) as error:
            if self.connection is not None and is_lost(self.engine, error):
                note_lost(self.engine, self.connection)
            self._close()
            self.away_until = seconds_running() + AWAY_SECONDS
            return None
        finally:
            self.lock.release()

    def _answer(self) -> None:
        """Answer all who wait; by nothing, where the database does not answer."""
        questions = []
        with suppress(IndexError):
            while True:
                questions.append(self.waiting.popleft())
                questions[-1].is_answered = True
        states = self._states({question.thread_id for question in questions})
        for question in questions:
            question.answer = states.get(question.thread_id)

    def _states(self, thread_ids: Collection[int]) -> dict[int, State]:
        self._connect()
        with self.connection.cursor() as cursor:
            cursor.execute(f"{STATES} ({', '.join(map(str, thread_ids))})")
            return dict(_state_of(text) for (text,) in cursor.fetchall())

    def _connect(self) -> None:
        now = seconds_running()
        if self.process != os.getpid():
            self.connection = None  # the process that this one was forked from goes on using it
        elif self.connection is not None and (
            now - self.used_at > MYSQL_RECYCLE_SECONDS or is_left(self.engine, self.connection)
        ):
            self._close()
        if self.connection is None:
            self.connection = own_connection(self.engine)
            self.connection.autocommit(True)  # or it would go on seeing what it saw first
            self.process = os.getpid()
        self.used_at = now

    def _close(self, _engine: object = None) -> None:
        if self.connection is not None:
            with suppress(self.driver.Error, OSError):
                self.connection.close()
        self.connection = None
