"""What became of every row while the schema changed: the same, gone, or with other values."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from . import rowhash
from .progress import Progress
from .rowhash import Table

# Columns that go up with whatever visitors do to a row: an edit, a reply, a comment in the thread.
RISING = {"comments": ("revision", "reply_count"), "threads": ("version",)}
NAMED_ROWS = 5

_SIDE = """
CREATE TABLE {} (
    tab TEXT, key BLOB, digest BLOB, rise INTEGER, rise_too INTEGER, times INTEGER DEFAULT 1, PRIMARY KEY (tab, key)
) WITHOUT ROWID
"""
_STORE = "INSERT INTO {} VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT (tab, key) DO UPDATE SET times = times + 1"
_GONE = """
SELECT b.key FROM before b LEFT JOIN after a ON a.tab = b.tab AND a.key = b.key
WHERE b.tab = ? AND coalesce(a.times, 0) < b.times ORDER BY b.key
"""
_CHANGED = """
SELECT b.key, coalesce(a.rise > b.rise, 0) OR coalesce(a.rise_too > b.rise_too, 0)
FROM before b JOIN after a ON a.tab = b.tab AND a.key = b.key WHERE b.tab = ? AND a.digest <> b.digest ORDER BY b.key
"""
_HASHED = "SELECT tab, key, digest, times FROM before ORDER BY tab, key"
_HASHED_AFTER = """
SELECT b.tab, b.key, a.digest, min(a.times, b.times) FROM before b JOIN after a ON a.tab = b.tab AND a.key = b.key
ORDER BY b.tab, b.key
"""


class Rows(NamedTuple):
    """How many rows, and the keys of the first of them."""

    number: int
    keys: tuple[str, ...]

    def __str__(self) -> str:
        shown = ", ".join(self.keys) + (", ..." if self.number > len(self.keys) else "")
        return f"{self.number:,} ({shown})" if self.keys else f"{self.number:,}"


@dataclass(frozen=True)
class Change:
    """What became of a table: its rows before and after (None where it is gone), and those that are not the same.

    `gone` and `changed` are rows that were there before; those in `meanwhile` were changed too, and by visitors: their
    version went up. `lost_columns` were compared and are not there any more.
    """

    table: str
    before: int
    after: int | None
    gone: Rows
    changed: Rows
    meanwhile: Rows
    lost_columns: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """All tables, and the SHA-256 over all rows that were there before, by their values before and after."""

    changes: tuple[Change, ...]
    sha256_before: str
    sha256_after: str
    new: tuple[str, ...]


def compared(there: Mapping[str, Table], changes: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    """Return the columns to compare, by table: all but those that migrations change on purpose."""
    chosen = {name: table for name, table in there.items() if "*" not in changes.get(name, ())}
    return {
        name: [column for column in table.names if column not in changes.get(name, ())]
        for name, table in chosen.items()
    }


@dataclass
class Comparer:
    """The rows of a database before and after, by key and hash, in the file `path`."""

    path: Path
    progress: Progress
    columns: dict[str, list[str]] = field(default_factory=dict)
    _seen: dict[str, dict[str, Table]] = field(default_factory=dict)
    _counts: dict[str, dict[str, int]] = field(default_factory=dict)

    def see_before(self, connection: Connection, changes: Mapping[str, Collection[str]]) -> None:
        """Read all rows as they are now, but for what migrations change on purpose."""
        self.columns = compared(rowhash.tables(connection), changes)
        self._see("before", connection)

    def see_after(self, connection: Connection) -> None:
        """Read them again."""
        self._see("after", connection)

    def _see(self, side: str, connection: Connection) -> None:
        there = rowhash.tables(connection)
        chosen = {name: there[name].only(self.columns[name]) for name in self.columns if name in there}
        counts = rowhash.counts(connection, chosen)
        self._seen[side], self._counts[side] = there, dict.fromkeys(chosen, 0)
        with self._open() as driver, self.progress("Comparing", sum(counts.values())) as advance:
            driver.execute(f"DROP TABLE IF EXISTS {side}")
            driver.execute(_SIDE.format(side))
            driver.execute("BEGIN")
            for name, table in chosen.items():
                primary = self._seen["before"][name].primary  # a row has one name, also where its key is made anew
                for batch in rowhash.batches(connection, table):
                    driver.executemany(_STORE.format(side), _stored(table, primary, batch))
                    self._counts[side][name] += len(batch)
                    advance(len(batch))
            driver.execute("COMMIT")

    def comparison(self) -> Comparison:
        """Compare what was seen before and after."""
        after, before = self._seen["after"], self._seen["before"]
        new = [f"table {name}" for name in after.keys() - before.keys()]
        for name in after.keys() & before.keys():
            new += [f"{name}.{column}" for column in set(after[name].names) - set(before[name].names)]
        with self._open() as driver:
            return Comparison(
                tuple(self._change(driver, name) for name in sorted(self.columns)),
                _hash(driver, _HASHED),
                _hash(driver, _HASHED_AFTER),
                tuple(sorted(new)),
            )

    def _change(self, driver: sqlite3.Connection, name: str) -> Change:
        after = self._seen["after"].get(name)
        lost = tuple(column for column in self.columns[name] if after and column not in after.names)
        # Where columns are lost, every row has another hash, which says nothing more.
        changed = [] if lost else driver.execute(_CHANGED, (name,)).fetchall()
        gone = [key for (key,) in driver.execute(_GONE, (name,))]
        return Change(
            name,
            self._counts["before"][name],
            self._counts["after"].get(name),
            _rows(gone),
            _rows([key for key, has_risen in changed if not has_risen]),
            _rows([key for key, has_risen in changed if has_risen]),
            lost,
        )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        driver = sqlite3.connect(self.path, isolation_level=None)
        try:
            driver.execute("PRAGMA journal_mode = OFF").fetchall()
            driver.execute("PRAGMA synchronous = OFF")
            yield driver
        finally:
            driver.close()


def _stored(table: Table, primary: Collection[str], batch: Collection[rowhash.Row]) -> Iterator[tuple[Any, ...]]:
    places = {name: place for place, name in enumerate(table.names)}
    keys = [places[name] for name in primary if name in places]
    rises = [places.get(name) for name in (*RISING.get(table.name, ()), "", "")][:2]
    for row in batch:
        digest = hashlib.sha256(rowhash.line(row)).digest()
        key = rowhash.line([row[place] for place in keys]) if keys else digest
        yield table.name, key, digest, *(None if place is None else row[place] for place in rises)


def _rows(keys: list[bytes]) -> Rows:
    return Rows(len(keys), tuple(_shown(key) for key in keys[:NAMED_ROWS]))


def _shown(key: bytes) -> str:
    """Return a key for people: the values of the primary key, or the beginning of the hash of the row."""
    try:
        return "/".join(f"{value!s:.40}" for value in json.loads(key))
    except ValueError:
        return f"with hash {key.hex()[:12]}"


def _hash(driver: sqlite3.Connection, statement: str) -> str:
    sha256 = hashlib.sha256()
    for tab, key, digest, times in driver.execute(statement):
        sha256.update(f"{tab} {len(key)} {times} ".encode() + key + digest)
    return sha256.hexdigest()
