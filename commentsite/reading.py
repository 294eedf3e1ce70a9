"""Reads for pages, by the driver: with SQLAlchemy's words and connections, and without its session and results.

A session and typed results take three times as long as the database itself does for a page of fifty rows. PyMySQL
takes as long for each column as MySQL does for the row, so what is read from there comes in one column.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from flask import g
from sqlalchemy import Boolean, Dialect, Engine, Integer, Select, String, func, literal_column, type_coerce
from sqlalchemy.sql import ClauseElement

from .db import db
from .driver import Words, in_words, translated

logger = logging.getLogger(__name__)

BETWEEN = "\x1d"  # the columns that come in one


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


def rows(statement: ClauseElement, values: Mapping[str, Any], *, is_packed: bool = False) -> list[Any]:
    """Return the rows that a select finds, as the driver makes them; `values` are its parameters.

    The statement has to be one of few: what it is in SQL is kept. With `is_packed` the columns of each row come from
    MySQL in one, if it is a single select: all but the last must be free of control characters, moments are text as
    they are from SQLite, and a text without characters is None. Raises SQLAlchemy's DBAPIError.
    """
    engine = db.engine
    words, unpacked = _packed(statement, engine.dialect) if is_packed else (in_words(statement, engine.dialect), None)
    logger.debug("%s", words.sql)
    if "reading" in g:
        found = _fetched(engine, words, values)
    else:
        with _connected(engine):
            found = _fetched(engine, words, values)
    return found if unpacked is None else [unpacked(text) for (text,) in found]


@cache
def _packed(statement: ClauseElement, dialect: Dialect) -> tuple[Words, Callable[[str], list[Any]] | None]:
    """Return a select as a database takes it, and what makes columns of its one column where they are in one."""
    if dialect.name != "mysql" or not isinstance(statement, Select):
        return in_words(statement, dialect), None
    columns = list(statement.selected_columns)
    texts = [func.coalesce(type_coerce(column, String), literal_column("''")) for column in columns]
    packed = func.concat_ws(literal_column(f"'{BETWEEN}'"), *texts)
    numbers = [place for place, column in enumerate(columns) if isinstance(column.type, Integer | Boolean)]
    others = [place for place in range(len(columns)) if place not in numbers]

    def unpacked(text: str) -> list[Any]:
        parts: list[Any] = text.split(BETWEEN, len(columns) - 1)  # whatever is in the last column stays in it
        for place in numbers:
            parts[place] = int(parts[place]) if parts[place] else None
        for place in others:
            parts[place] = parts[place] or None
        return parts

    return in_words(statement.with_only_columns(packed, maintain_column_froms=True), dialect), unpacked


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
