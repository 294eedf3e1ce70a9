"""Which upgrades of which database began, ended and were taken back: lines in a file, for `rollback` to go by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy.engine import URL

NAME = "upgrades.jsonl"
BEGUN, ENDED, TAKEN_BACK = "begun", "ended", "taken back"
MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Record:
    """Of `database`: the upgrade from `revision` to `head` by the version `program`, whose backup is `backup`."""

    event: str
    moment: str
    database: str
    backup: str
    revision: str
    head: str
    program: str


def database_id(url: URL) -> str:
    """Return what tells one database from another, and nothing of the password."""
    name = str(Path(str(url.database)).resolve()) if url.get_backend_name() == "sqlite" else url.database
    place = [url.get_backend_name(), url.host, url.port, dict(url.query).get("unix_socket"), name]
    return hashlib.sha256(json.dumps(place).encode()).hexdigest()


def add(folder: Path, record: Record) -> bool:
    """Write a record; say whether that could be done."""
    try:
        with (folder / NAME).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(record)) + "\n")
    except OSError:
        return False
    return True


def of(folder: Path, database: str) -> Iterator[Record]:
    """Yield the records of a database, oldest first. Lines that are none are passed over."""
    try:
        with (folder / NAME).open("rb") as file:
            lines = file.read(MAX_BYTES).splitlines()
    except OSError:
        return
    for line in lines:
        try:
            record = Record(**json.loads(line))
        except (ValueError, TypeError, RecursionError):
            continue
        if record.database == database and all(isinstance(value, str) for value in asdict(record).values()):
            yield record


def newest(folder: Path, database: str, *, may_be_parts: bool) -> Record | None:
    """Return the latest upgrade that was not taken back.

    Where it went on with one that was cut short in its middle (`may_be_parts`: with MySQL), that one's: its backup is
    from before both.
    """
    found, has_ended = None, True
    for record in of(folder, database):
        if record.event == BEGUN and (has_ended or not may_be_parts or found is None):
            found, has_ended = record, False
        elif record.event == ENDED:
            has_ended = True
        elif record.event == TAKEN_BACK:
            found, has_ended = None, True
    return found


def program_at(folder: Path, database: str, revision: str) -> str | None:
    """Return the version of the program that brought a database to `revision`."""
    found = [record.program for record in of(folder, database) if record.event == ENDED and record.head == revision]
    return found[-1] if found else None
