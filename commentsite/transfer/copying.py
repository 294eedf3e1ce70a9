"""Rows taken from one database into another of either kind, with their hash as they were read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Connection

from .rowhash import Advance, Column, Row, Table, TableHash, batches, hash_of

TYPES: dict[str, type[sa.types.TypeEngine[Any]]] = {
    "integer": sa.BigInteger,
    "number": sa.Numeric,
    "moment": sa.DateTime,
    "bytes": sa.LargeBinary,
}
MYSQL_TYPES: dict[str, type[sa.types.TypeEngine[Any]] | sa.types.TypeEngine[Any]] = {
    "integer": sa.BigInteger,
    "number": mysql.DOUBLE,
    "moment": mysql.DATETIME(fsp=6),
    "bytes": mysql.LONGBLOB,
}

MAX_VARCHAR = 4096  # of four bytes each, a row of MySQL holds few that are longer


def copy(source: Connection, table: Table, target: Connection, into: str, advance: Advance | None = None) -> TableHash:
    """Store all rows of a table of `source` in the table `into` of `target`; return their count and hash.

    Commits each batch on MySQL, and nothing on SQLite.
    """
    return hash_of(table, _stored(source, table, target, into), advance)


def _stored(source: Connection, table: Table, target: Connection, into: str) -> Iterator[list[Row]]:
    quote = target.dialect.identifier_preparer.quote
    is_mysql = target.dialect.name == "mysql"
    # The driver's own marks, where a % of a name is written twice.
    columns = ", ".join(quote(name) for name in table.names).replace("%", "%%" if is_mysql else "%")
    marks = ", ".join(["%s" if is_mysql else "?"] * len(table.names))
    statement = f"INSERT INTO {quote(into)} ({columns}) VALUES ({marks})"  # noqa: S608 - names, each quoted
    for batch in batches(source, table):
        target.exec_driver_sql(statement, batch)
        if is_mysql:
            target.commit()
        yield batch


def add_missing(target: Connection, wanted: dict[str, Table], there: dict[str, Table]) -> None:
    """Make in the database `target` the columns that no migration makes, and on SQLite such tables too."""
    for name, table in wanted.items():
        if name not in there:
            made = sa.Table(name, sa.MetaData(), *(_made(column, table) for column in table.columns))
            made.create(target)
            continue
        quote = target.dialect.identifier_preparer.quote
        for column in table.columns:
            if column.name not in there[name].names:
                statement = f"ALTER TABLE {quote(name)} ADD COLUMN {quote(column.name)} {_type(column, target)}"
                target.exec_driver_sql(statement.replace("%", "%%" if target.dialect.name == "mysql" else "%"))


def _type(column: Column, target: Connection) -> str:
    if target.dialect.name != "mysql":
        return TYPES.get(column.kind, sa.Text)().compile(target.dialect)
    kind = sa.types.to_instance(MYSQL_TYPES.get(column.kind, mysql.LONGTEXT))
    if column.kind == "text" and column.length and column.length <= MAX_VARCHAR:
        kind = sa.String(column.length)
    return f"{kind.compile(target.dialect)} NULL"


def _made(column: Column, table: Table) -> sa.Column[Any]:
    is_key = column.name in table.primary
    kind = sa.Integer if column.name == table.key else TYPES.get(column.kind, sa.Text)
    return sa.Column(column.name, kind, primary_key=is_key, nullable=not is_key, autoincrement=False)
