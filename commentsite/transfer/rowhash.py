"""Counts and hashes of all rows of a database, the same on SQLite and MySQL for the same rows (docs/backups.md).

Rows are read as plain values: None, whole numbers, fractions, text and bytes; a moment is text to the microsecond.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

BATCH_ROWS = 500
NOT_HASHED = frozenset({"alembic_version"})  # the revision is no row of the site

Row = tuple[Any, ...]
Advance = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class TableHash:
    """How many rows a table has, and the SHA-256 over all of them."""

    rows: int
    sha256: str


@dataclass(frozen=True)
class Column:
    """A column: what it holds (integer, number, moment, text, bytes or other), with so many characters or bits."""

    name: str
    kind: str
    length: int | None = None


@dataclass(frozen=True)
class Table:
    """A table by its columns, in the order of their names; `key` is its primary key where that is one whole number."""

    name: str
    columns: tuple[Column, ...]
    key: str | None
    primary: tuple[str, ...] = field(default=())

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def only(self, names: Collection[str]) -> Table:
        """Return this table with some of its columns."""
        return Table(self.name, tuple(each for each in self.columns if each.name in names), self.key, self.primary)


def tables(connection: Connection) -> dict[str, Table]:
    """Return the tables of a database by name, without what says its revision."""
    inspector = sa.inspect(connection)
    names = sorted(set(inspector.get_table_names()) - NOT_HASHED)
    return {name: _table(inspector, name) for name in names}


def _table(inspector: sa.Inspector, name: str) -> Table:
    columns = tuple(
        Column(each["name"], _kind(each["type"]), _length(each["type"]))
        for each in sorted(inspector.get_columns(name), key=lambda each: each["name"])
    )
    primary = tuple(inspector.get_pk_constraint(name)["constrained_columns"])
    whole = {column.name for column in columns if column.kind == "integer"}
    key = primary[0] if len(primary) == 1 and primary[0] in whole else None
    return Table(name, columns, key, primary)


def _kind(of: sa.types.TypeEngine[Any]) -> str:
    if isinstance(of, sa.Integer | sa.Boolean):
        return "integer"
    if isinstance(of, sa.Numeric | sa.Float):
        return "number"
    if isinstance(of, sa.DateTime):
        return "moment"
    if isinstance(of, sa.types._Binary):
        return "bytes"
    return "text" if isinstance(of, sa.String) else "other"


def _length(of: sa.types.TypeEngine[Any]) -> int | None:
    if isinstance(of, sa.Integer):
        return 64 if isinstance(of, sa.BigInteger) else 32
    return getattr(of, "length", None)


def hashes(
    connection: Connection, columns: Mapping[str, Collection[str]] | None = None, advance: Advance | None = None
) -> dict[str, TableHash]:
    """Return count and hash of each table, or with `columns` of those it names, over those columns alone.

    `connection` should be in a transaction that sees one moment (see queries.snapshot). Memory is bounded;
    `advance` is called with the number of rows that were read since.
    """
    found = tables(connection)
    chosen = found if columns is None else {name: found[name].only(columns[name]) for name in sorted(columns)}
    return {name: hash_of(table, batches(connection, table), advance) for name, table in chosen.items()}


def total(of: Mapping[str, TableHash]) -> str:
    """Return the SHA-256 over all tables."""
    lines = "".join(f"{name} {each.rows} {each.sha256}\n" for name, each in sorted(of.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def counts(connection: Connection, names: Collection[str]) -> dict[str, int]:
    """Return how many rows tables have."""
    counted = {name: sa.select(sa.func.count()).select_from(sa.table(name)) for name in names}
    return {name: connection.execute(statement).scalar_one() for name, statement in counted.items()}


def hash_of(table: Table, found: Iterator[list[Row]], advance: Advance | None = None) -> TableHash:
    """Read all rows of a table and return their count and hash."""
    hasher = Hasher(table)
    with closing(hasher):
        for batch in found:
            hasher.take(batch)
            if advance:
                advance(len(batch))
        return hasher.result()


class Hasher:
    """The hash of a table, batch by batch.

    Where rows have no order that both databases agree on, it goes over the hashes of the rows in their order, which
    are kept in a file without a name.
    """

    def __init__(self, table: Table) -> None:
        self._rows = 0
        self._sha256 = hashlib.sha256(line(table.names))
        self._unsorted: sqlite3.Connection | None = None
        if table.key is None:
            self._unsorted = sqlite3.connect("", isolation_level=None)
            self._unsorted.executescript("PRAGMA journal_mode = OFF; CREATE TABLE hashes (hash BLOB); BEGIN;")

    def take(self, batch: Sequence[Row]) -> None:
        """Take the next rows, as `batches` yields them."""
        self._rows += len(batch)
        lines = [line(row) for row in batch]
        if self._unsorted is None:
            self._sha256.update(b"".join(lines))
        else:
            made = [(hashlib.sha256(each).digest(),) for each in lines]
            self._unsorted.executemany("INSERT INTO hashes VALUES (?)", made)

    def result(self) -> TableHash:
        """Return what all rows come to. To be called once."""
        if self._unsorted is not None:
            for (each,) in self._unsorted.execute("SELECT hash FROM hashes ORDER BY hash"):
                self._sha256.update(each)
        return TableHash(self._rows, self._sha256.hexdigest())

    def close(self) -> None:
        if self._unsorted is not None:
            self._unsorted.close()


def batches(connection: Connection, table: Table) -> Iterator[list[Row]]:
    """Yield all rows of a table as plain values, by its key where it has one, BATCH_ROWS at once."""
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in table.names]
    statement = sa.select(*columns).select_from(sa.table(table.name))
    convert = _converter(table, connection.dialect.name)
    if table.key is None:
        with connection.execution_options(stream_results=True).execute(statement) as found:
            for partition in found.partitions(BATCH_ROWS):
                yield [convert(row) for row in partition]
        return
    key: sa.ColumnClause[int] = sa.column(table.key)
    statement = statement.add_columns(key.label("key_of_row")).order_by(key).limit(BATCH_ROWS)
    following = statement.where(key > sa.bindparam("last"))
    rows = connection.execute(statement).all()
    while rows:
        yield [convert(row[:-1]) for row in rows]
        rows = connection.execute(following, {"last": rows[-1][-1]}).all()


def _converter(table: Table, dialect: str) -> Callable[[Sequence[Any]], Row]:
    """Return what makes plain values of a row."""
    kinds = [column.kind for column in table.columns]
    # The driver of each database reads whole numbers and text as what they are.
    others = [(place, _PLAIN.get(kind, plain)) for place, kind in enumerate(kinds) if kind not in ("integer", "text")]
    if dialect == "sqlite":  # any column may hold anything
        others = [(place, _PLAIN.get(kind, plain)) for place, kind in enumerate(kinds) if kind in ("moment", "number")]

    def convert(row: Sequence[Any]) -> Row:
        values = list(row)
        for place, plainly in others:
            if values[place] is not None:
                values[place] = plainly(values[place])
        return tuple(values)

    return convert


def plain(value: Any) -> Any:
    """Return a value as one that both databases keep."""
    if isinstance(value, datetime):
        return value.isoformat(" ", "microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    return value


def _moment(value: Any) -> Any:
    """Return a moment as SQLite keeps it; other programs may have left out the fraction."""
    if isinstance(value, str) and len(value) != 26:
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value
    return plain(value)


def _number(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return plain(value)


_PLAIN: dict[str, Callable[[Any], Any]] = {"moment": _moment, "number": _number}


def line(row: Sequence[Any]) -> bytes:
    """Return a row of plain values as the line that is hashed."""
    return _ENCODE(row).encode("utf-8", "surrogatepass") + b"\n"


def _bytes(value: object) -> object:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    raise TypeError(f"no plain value: {type(value).__name__}")


_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_bytes).encode
