"""Writes by the driver, without SQLAlchemy's session: what waits for its turn in a process is written at once.

A commit waits for the disk and for the server, and so does who comes after it. Those who came meanwhile share the next
one. Nothing is tried again here (see db.in_transaction).
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement

from .db import NotWritten, begin_writing, db, is_in_memory, is_passing
from .driver import in_words, translated
from .pool import note_committed

logger = logging.getLogger(__name__)

# How many are written in one transaction, and how long a thread waits for those before it.
MOST_TOGETHER = 16
TURN_SECONDS = 2.0

Item = TypeVar("Item")
Result = TypeVar("Result")
Run = Callable[[ClauseElement, Mapping[str, Any]], Any]


class _Entry(Generic[Item, Result]):
    """One that waits, what became of it, and why nothing."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.is_taken = False
        self.result: Result | None = None
        self.error: BaseException | None = None


class _Queue(Generic[Item, Result]):
    """Those that wait to be written in one database, and the turn to write them."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.waiting: deque[_Entry[Item, Result]] = deque()

    def wait(self, entry: _Entry[Item, Result]) -> None:
        """Return when it is this thread's turn. Raises NotWritten where that takes too long."""
        if self.turn.acquire(timeout=TURN_SECONDS):
            return
        try:
            self.waiting.remove(entry)
        except ValueError:
            self.turn.acquire()  # it is being written
        else:
            raise NotWritten

    def next(self) -> list[_Entry[Item, Result]]:
        """Return those to be written now, first come, first taken."""
        entries: list[_Entry[Item, Result]] = []
        with suppress(IndexError):  # one that has waited too long may leave meanwhile
            while len(entries) < MOST_TOGETHER:
                entries.append(self.waiting.popleft())
        for entry in entries:
            entry.is_taken = True
        return entries


class Together(Generic[Item, Result]):
    """Has the items of all threads of this process written by `write`, one transaction at a time.

    `write` is given a function that runs a statement and returns its cursor, and items; it returns what became of
    each, None for one that it left out.
    """

    def __init__(self, write: Callable[[Run, Sequence[Item]], Sequence[Result | None]]) -> None:
        self.write = write
        self._queues: WeakKeyDictionary[Engine, _Queue[Item, Result]] = WeakKeyDictionary()

    def add(self, item: Item) -> Result:
        """Write `item`, alone or with others, and return what became of it when it is committed.

        Raises NotWritten where it is to be written alone, and SQLAlchemy's DBAPIError where the database refused for
        a passing reason (see db.is_passing). Nothing is stored then, unless the answer to the commit was lost.
        """
        engine = db.engine
        if is_in_memory(engine.url):  # it has one connection, and the session uses that
            raise NotWritten
        queue = self._queues.setdefault(engine, _Queue())
        entry: _Entry[Item, Result] = _Entry(item)
        queue.waiting.append(entry)
        queue.wait(entry)
        try:
            # Whoever has the turn writes all that wait; the most of them find theirs written when they have it.
            while not entry.is_taken:
                self._write(engine, queue.next())
        finally:
            queue.turn.release()
        if entry.error is not None:
            raise entry.error
        if entry.result is None:
            raise NotWritten
        return entry.result

    def _write(self, engine: Engine, entries: Sequence[_Entry[Item, Result]]) -> None:
        try:
            with transaction(engine) as run:
                results = self.write(run, [entry.item for entry in entries])
        except Exception as error:
            # What is wrong with one of them, such as a key that is taken, is not for the others: each finds it, or
            # does not, when written alone. What passes is told to all, who wait a moment then.
            logger.debug("written alone", exc_info=True)
            if isinstance(error, DBAPIError) and is_passing(error):
                for entry in entries:
                    entry.error = error
        else:
            for entry, result in zip(entries, results, strict=True):
                entry.result = result


@contextmanager
def transaction(engine: Engine) -> Iterator[Run]:
    """Give a function that runs a statement and returns its cursor, in one transaction that is then committed.

    Raises SQLAlchemy's DBAPIError.
    """
    dialect = engine.dialect
    connection: Any = None

    def run(statement: ClauseElement, values: Mapping[str, Any]) -> Any:
        words = in_words(statement, dialect)
        logger.debug("%s", words.sql)
        cursor.execute(words.sql, words.parameters(values))
        return cursor

    try:
        connection = engine.raw_connection()
        with closing(connection.cursor()) as cursor:
            if dialect.name == "sqlite":
                begin_writing(connection.driver_connection)  # on MySQL, the first statement begins one
            yield run
            connection.commit()
            note_committed(connection)
    except dialect.loaded_dbapi.Error as error:
        raise translated(engine, None, error, connection) from error
    finally:
        if connection is not None:
            connection.close()  # gives it back to the pool, which ends what was not committed
