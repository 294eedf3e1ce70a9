"""What reads and writes by the driver have in common: statements in SQL, and errors that are SQLAlchemy's."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple, cast

from sqlalchemy import Dialect, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from .hosts import is_lost, note_lost


class Words(NamedTuple):
    """A statement in SQL, the names of its parameters where they go by place, and their defaults."""

    sql: str
    names: list[str]
    defaults: dict[str, Any]

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """Return what the driver is to be given with the statement."""
        given = {**self.defaults, **values}
        return [given[name] for name in self.names] if self.names else given


@cache
def in_words(statement: ClauseElement, dialect: Dialect) -> Words:
    """Return a statement as a database takes it. It has to be one of few, for each is kept."""
    compiled = cast(SQLCompiler, statement.compile(dialect=dialect))
    return Words(str(compiled), list(compiled.positiontup or ()), dict(compiled.params))


def translated(engine: Engine, sql: str | None, error: Exception, connection: Any = None) -> DBAPIError:
    """Return SQLAlchemy's error for one of the driver.

    A `connection` of the pool that was lost with it is not used again, and its host is left where there are others.
    """
    lost = is_lost(engine, error)
    if lost and connection is not None:
        note_lost(engine, connection.dbapi_connection)
        connection.invalidate(error)
    made = DBAPIError.instance(
        sql,
        None,
        error,
        engine.dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=lost,
    )
    return cast(DBAPIError, made)
