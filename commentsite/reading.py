"""Reads for pages, by the driver: with SQLAlchemy's words and connections, and without its session and results.

A session and typed results take three times as long as the database itself does for a page of fifty rows.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from typing import Any, cast

from flask import g
from sqlalchemy import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from .db import db

logger = logging.getLogger(__name__)


@contextmanager
def snapshot() -> Iterator[None]:
    """Have all rows that are read within seen as they were at one moment; what the session reads, then or later.

    So a page that shows a version is not older than it, whichever way its parts were read. Objects that the
    session has read before are out of date then.
    """
    db.session.rollback()
    with _connected():
        yield


@contextmanager
def _connected() -> Iterator[None]:
    if "reading" in g:
        yield
        return
    if db.session().in_transaction():
        # The session's, and not a second one: where all requests hold their first, each waits for ever for another.
        g.reading = db.session.connection().connection
        try:
            yield
        finally:
            del g.reading
        return
    with _translated("connect"):
        g.reading = connection = db.engine.raw_connection()
    try:
        if db.engine.dialect.name == "sqlite":
            connection.cursor().execute("BEGIN")  # on MySQL, the first read begins one
        yield
    finally:
        del g.reading
        connection.close()  # gives it back to the pool, which ends what was begun


@contextmanager
def _translated(sql: str) -> Iterator[None]:
    """Raise SQLAlchemy's error for one of the driver."""
    driver = db.engine.dialect.loaded_dbapi
    try:
        yield
    except driver.Error as error:
        is_lost = db.engine.dialect.is_disconnect(error, None, None)
        if is_lost and "reading" in g:
            g.reading.invalidate(error)
        raise DBAPIError.instance(
            sql, None, error, driver.Error, hide_parameters=True, connection_invalidated=is_lost
        ) from error


def rows(statement: ClauseElement, values: Mapping[str, Any]) -> list[Any]:
    """Return the rows that a select finds, as tuples of what the driver makes of them; `values` are its parameters.

    The statement has to be one of few: what it is in SQL is kept. Raises SQLAlchemy's DBAPIError.
    """
    sql, names, defaults = _compiled(statement, db.engine.dialect)
    given = {**defaults, **values}
    logger.debug("%s", sql)
    with _connected(), _translated(sql), closing(g.reading.cursor()) as cursor:
        cursor.execute(sql, [given[name] for name in names] if names else given)
        return list(cursor.fetchall())


@cache
def _compiled(statement: ClauseElement, dialect: Dialect) -> tuple[str, list[str], dict[str, Any]]:
    """Return a statement in SQL, the names of its parameters where they go by place, and their defaults."""
    compiled = cast(SQLCompiler, statement.compile(dialect=dialect))
    return str(compiled), list(compiled.positiontup or ()), dict(compiled.params)
