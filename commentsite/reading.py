"""Reads for pages, by the driver: with SQLAlchemy's words and connections, and without its session and results.

A session and typed results take three times as long as the database itself does for a page of fifty rows.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple, cast

from flask import g
from sqlalchemy import Dialect, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from .db import db

logger = logging.getLogger(__name__)


class Words(NamedTuple):
    """A statement in SQL, the names of its parameters where they go by place, and their defaults."""

    sql: str
    names: list[str]
    defaults: dict[str, Any]


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
        raise _translated(engine, "connect", error) from error
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
    words = _compiled(statement, engine.dialect)
    given = {**words.defaults, **values}
    logger.debug("%s", words.sql)
    if "reading" in g:
        return _fetched(engine, words, given)
    with _connected(engine):
        return _fetched(engine, words, given)


def _fetched(engine: Engine, words: Words, given: Mapping[str, Any]) -> list[Any]:
    try:
        cursor = g.reading.cursor()
        try:
            cursor.execute(words.sql, [given[name] for name in words.names] if words.names else given)
            return list(cursor.fetchall())
        finally:
            cursor.close()
    except engine.dialect.loaded_dbapi.Error as error:
        raise _translated(engine, words.sql, error) from error


def _translated(engine: Engine, sql: str, error: Exception) -> DBAPIError:
    """Return SQLAlchemy's error for one of the driver; a connection that was lost with it is not used again."""
    is_lost = engine.dialect.is_disconnect(error, None, None)  # type: ignore[arg-type]
    if is_lost and "reading" in g:
        g.reading.invalidate(error)
    driver_error = engine.dialect.loaded_dbapi.Error
    return DBAPIError.instance(sql, None, error, driver_error, hide_parameters=True, connection_invalidated=is_lost)  # type: ignore[return-value]


@cache
def _compiled(statement: ClauseElement, dialect: Dialect) -> Words:
    compiled = cast(SQLCompiler, statement.compile(dialect=dialect))
    return Words(str(compiled), list(compiled.positiontup or ()), dict(compiled.params))
