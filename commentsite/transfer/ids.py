"""The highest id that each table ever gave, so that none is given twice."""

from __future__ import annotations

import re
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .rowhash import Table

_AUTOINCREMENT = sa.text("SELECT name FROM sqlite_master WHERE type = 'table' AND upper(sql) LIKE '%AUTOINCREMENT%'")


def highest_ids(connection: Connection, tables: Mapping[str, Table]) -> dict[str, int]:
    """Return the highest id that each of `tables` ever gave, of those that remember it or have rows."""
    found = _remembered(connection, tables)
    for name, table in tables.items():
        if table.key is not None:
            key: sa.ColumnClause[int] = sa.column(table.key)
            highest = connection.execute(sa.select(sa.func.max(key)).select_from(sa.table(name))).scalar_one()
            found[name] = max(found.get(name, 0), highest or 0)
    return found


def _remembered(connection: Connection, tables: Mapping[str, Table]) -> dict[str, int]:
    if connection.dialect.name == "sqlite":
        if not connection.dialect.has_table(connection, "sqlite_sequence"):
            return {}
        given = connection.execute(sa.text("SELECT name, seq FROM sqlite_sequence"))
        return {name: seq for name, seq in given if name in tables and isinstance(seq, int)}
    quote = connection.dialect.identifier_preparer.quote
    found = {}
    for name in tables:
        made = connection.exec_driver_sql(f"SHOW CREATE TABLE {quote(name)}".replace("%", "%%")).one()[1]
        following = re.search(r" AUTO_INCREMENT=(\d+)", made.rpartition("\n) ")[2])
        found[name] = int(following[1]) - 1 if following else 0
    return found


def raise_highest_ids(connection: Connection, highest: Mapping[str, int], *, prefix: str = "") -> None:
    """Have tables go on above `highest`; `prefix` stands before their names here. Takes away nothing."""
    if connection.dialect.name != "sqlite":
        quote = connection.dialect.identifier_preparer.quote
        for name, number in highest.items():  # the server takes no number below the highest row's
            table = quote(f"{prefix}{name}").replace("%", "%%")
            connection.exec_driver_sql(f"ALTER TABLE {table} AUTO_INCREMENT = {number + 1:d}")
        return
    for name in connection.execute(_AUTOINCREMENT).scalars().all():
        if name in highest:
            values = {"name": name, "seq": highest[name]}
            there = sa.text("SELECT max(seq) FROM sqlite_sequence WHERE name = :name")
            present = connection.execute(there, {"name": name}).scalar()
            if present is None:
                connection.execute(sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"), values)
            elif present < highest[name]:
                connection.execute(sa.text("UPDATE sqlite_sequence SET seq = :seq WHERE name = :name"), values)
