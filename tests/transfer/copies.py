"""Backups for tests: made, brought back, damaged, and what a database then holds."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import select

from commentsite.comments.models import Comment
from commentsite.db import db
from commentsite.transfer import archive, ids, queries, rowhash
from commentsite.transfer.manifest import Manifest, manifest_of
from commentsite.transfer.rowhash import TableHash
from tests.conftest import SECRET
from tests.transfer.files import run

# Raised by a restore, so that no page kept from before is taken for true.
RAISED = {"threads": {"version"}}
# And this is made anew where a backup was made with another secret key.
HTML = {**RAISED, "comments": {"content_html", "renderer", "head_html", "look"}}


def backed_up(app: Flask, path: Path) -> Path:
    """Make a backup of the site and return where it is."""
    run(app.test_cli_runner(), "backup", str(path))
    return path


def restored(app: Flask, path: Path, *options: str, status: int = 0) -> str:
    """Restore a backup and return what the command says."""
    return run(app.test_cli_runner(), "restore", str(path), *options, status=status)


def refusal(app: Flask, path: Path) -> str:
    """Return what `backup verify` says of a file that is not right."""
    return run(app.test_cli_runner(), "backup", "verify", str(path), status=1)


def contents(app: Flask) -> list[str | None]:
    """Return the texts of all comments as the database has them now."""
    with app.app_context():
        db.session.rollback()
        return list(db.session.scalars(select(Comment.content).order_by(Comment.id)))


def hashes(app: Flask, left_out: Mapping[str, set[str]] = RAISED) -> dict[str, TableHash]:
    """Return the hashes of all rows of a site, but for some columns."""
    with app.app_context(), queries.snapshot() as connection:
        tables = rowhash.tables(connection)
        columns = {name: set(table.names) - left_out.get(name, set()) for name, table in tables.items()}
        return rowhash.hashes(connection, columns)


def highest(app: Flask) -> dict[str, int]:
    """Return the highest id that each table ever gave."""
    with app.app_context(), queries.snapshot() as connection:
        return ids.highest_ids(connection, rowhash.tables(connection))


def execute(app: Flask, *statements: str) -> None:
    """Run statements on the database of a site, past the site."""
    with app.app_context(), db.engine.connect().execution_options(is_writing=True) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.commit()


def manifest(path: Path) -> Manifest:
    with zipfile.ZipFile(path) as packed:
        return manifest_of(packed.read(archive.MANIFEST))


def changed_manifest(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Have a backup say something else about itself."""
    with zipfile.ZipFile(path) as packed:
        said = json.loads(packed.read(archive.MANIFEST))
        database = packed.read(archive.DATABASE)
    change(said)
    write(path, {archive.MANIFEST: json.dumps(said).encode(), archive.DATABASE: database})


def write(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in files.items():
            packed.writestr(name, text)


@contextmanager
def forged(path: Path, folder: Path, secret: str = SECRET) -> Iterator[sqlite3.Connection]:
    """Change the database of a backup, and have its manifest be true of it again where that is still possible."""
    with zipfile.ZipFile(path) as packed:
        said = manifest_of(packed.read(archive.MANIFEST))
        database = folder / "forged.db"
        database.write_bytes(packed.read(archive.DATABASE))
    with closing(sqlite3.connect(database, isolation_level=None)) as driver:
        yield driver
    values = said.__dict__ | {"file_bytes": database.stat().st_size, "file_sha256": archive.digest(database)}
    values |= _true_hashes(database, said)
    text = Manifest(**values).signed(secret).text()
    write(path, {archive.MANIFEST: text, archive.DATABASE: database.read_bytes()})
    database.unlink()


def _true_hashes(database: Path, said: Manifest) -> dict[str, Any]:
    try:
        with archive.reading(database) as connection:
            found = rowhash.hashes(connection)
    except (ValueError, OSError):
        return {}
    contents = {name: {"rows": each.rows, "sha256": each.sha256, "highest_id": 0} for name, each in found.items()}
    return {"tables": contents, "sha256": rowhash.total(found)}
