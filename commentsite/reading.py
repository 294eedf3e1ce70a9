"""Reads for pages, by the driver: with SQLAlchemy's words and connections, and without its session and results.

A session and typed results take three times as long as the database itself does for a page of fifty rows.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flask import g
from sqlalchemy import Engine
from sqlalchemy.sql import ClauseElement

from .db import db
from .driver import Words, in_words, translated

logger = logging.getLogger(__name__)


@contextmanager
def snapshot() -> Iterator[None]:
    """Have all rows that are read within seen as they were at one moment; what the session reads, then or later.

    So a page that shows a version is not older than it, whichever way its parts were read. Objects that the
    session has read before are out of date then.
    """
    if db.session.registry.has():
        db.session.rollback()
    with _connected(db.engine):
        yield


@contextmanager
def _connected(engine: Engine) -> Iterator[None]:
    """Give what is read within one connection, g.reading."""
    if db.session.registry.has() and db.session().in_transaction():
        # The session's, and not a second one: where all requests hold their first, each waits for ever for another.
        g.reading = db.session.connection().connection
        try:
            yield
        finally:
            del g.reading
        return
    try:
        g.reading = connection = engine.raw_connection()
    except engine.dialect.loaded_dbapi.Error as error:
        raise translated(engine, "connect", error) from error
    try:
        if engine.dialect.name == "sqlite":
            connection.cursor().execute("BEGIN")  # on MySQL, the first read begins one
        yield
    finally:
        del g.reading
        connection.close()  # gives it back to the pool, which ends what was begun


def rows(statement: ClauseElement, values: Mapping[str, Any]) -> list[Any]:
    """Return the rows that a select finds, as tuples of what the driver makes of them; `values` are its parameters.

    The statement has to be one of few: what it is in SQL is kept. Raises SQLAlchemy's DBAPIError.
    """
    engine = db.engine
    words = in_words(statement, engine.dialect)
    logger.debug("%s", words.sql)
    if "reading" in g:
        return _fetched(engine, words, values)
    with _connected(engine):
        return _fetched(engine, words, values)


def _fetched(engine: Engine, words: Words, values: Mapping[str, Any]) -> list[Any]:
    try:
        cursor = g.reading.cursor()
        try:
            cursor.execute(words.sql, words.parameters(values))
            return list(cursor.fetchall())
        finally:
            cursor.close()
    except engine.dialect.loaded_dbapi.Error as error:
        raise translated(engine, words.sql, error, g.reading) from error
