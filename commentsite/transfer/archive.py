"""The file of a backup: a zip with the manifest and an SQLite database, read as if a stranger had made it."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sqlite3
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, BinaryIO

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from . import manifest as manifests
from .manifest import BrokenBackup, Manifest
from .progress import Progress
from .rowhash import Advance

MANIFEST, DATABASE = "manifest.json", "comments.db"
CHUNK_BYTES = 1024 * 1024
# A database of less is never too much; of more, it may be so many times as large as the file that it comes in.
FREE_BYTES, LARGEST_RATIO = 64 * 1024 * 1024, 200
MAX_SCHEMA_CHARS = 100_000
MAX_VALUE_BYTES = 64 * 1024 * 1024
COMPRESS_LEVEL = 3
_ENCRYPTED = 0x1

_MADE = "SELECT type, name, coalesce(length(sql), 0), upper(substr(ltrim(coalesce(sql, '')), 1, 20)) FROM sqlite_master"


def digest(path: Path, advance: Advance | None = None) -> str:
    """Return the SHA-256 of a file."""
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            sha256.update(chunk)
            if advance:
                advance(len(chunk))
    return sha256.hexdigest()


def pack(out: BinaryIO, manifest: Manifest, database: Path, progress: Progress) -> None:
    """Write a backup into `out`, which is empty."""
    _pack(out, manifest, database, progress, zipfile.ZIP_DEFLATED)
    if manifest.file_bytes > _most_bytes(out.tell()):  # of rows that are nearly all alike
        out.seek(0)
        out.truncate()
        _pack(out, manifest, database, progress, zipfile.ZIP_STORED)


def _pack(out: BinaryIO, manifest: Manifest, database: Path, progress: Progress, method: int) -> None:
    with zipfile.ZipFile(out, "w", method, compresslevel=COMPRESS_LEVEL) as packed:
        packed.writestr(MANIFEST, manifest.text())
        with (
            progress("Packing", manifest.file_bytes) as advance,
            database.open("rb") as file,
            packed.open(DATABASE, "w", force_zip64=True) as into,
        ):
            while chunk := file.read(CHUNK_BYTES):
                into.write(chunk)
                advance(len(chunk))


def _most_bytes(size: int) -> int:
    """Return how long the database in a file of `size` bytes may be."""
    return max(FREE_BYTES, LARGEST_RATIO * size)


def unpack(file: BinaryIO, into: Path, progress: Progress) -> Manifest:
    """Write the database of the backup in `file` to `into` and return the manifest.

    Nothing else is unpacked, and no name in the file is used as a path. Raises BrokenBackup where it is no whole
    backup that this program reads.
    """
    size = file.seek(0, 2)
    try:
        with zipfile.ZipFile(file) as packed:
            manifest = _manifest(packed, size)
            with progress("Unpacking", manifest.file_bytes) as advance:
                _write(packed, manifest, into, advance)
            return manifest
    except BrokenBackup:
        raise
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
        # The last two are what zipfile says of lengths, versions and names that cannot be.
        raise BrokenBackup(f"it is no backup, or it is cut short or damaged ({error})") from None


def _manifest(packed: zipfile.ZipFile, size: int) -> Manifest:
    found = packed.infolist()
    if [each.filename for each in found] != [MANIFEST, DATABASE]:
        raise BrokenBackup(f"it is no backup of commentsite: it does not hold {MANIFEST} and {DATABASE} alone")
    for each in found:
        if each.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or each.flag_bits & _ENCRYPTED:
            raise BrokenBackup(f"{each.filename} is packed in a way that no backup is")
    if found[0].file_size > manifests.MAX_BYTES:
        raise BrokenBackup("its manifest is too long")
    with packed.open(found[0]) as file:
        manifest = manifests.manifest_of(_all(file, found[0].file_size))
    if found[1].file_size != manifest.file_bytes:
        raise BrokenBackup("its database has not the length that its manifest names")
    if manifest.file_bytes > _most_bytes(size):
        raise BrokenBackup(f"it says that it holds {manifest.file_bytes:,} bytes, which is too much for its length")
    return manifest


def _all(file: IO[bytes], size: int) -> bytes:
    text = file.read(size + 1)
    if len(text) != size:
        raise BrokenBackup("its manifest has not the length that it says")
    return text


def _write(packed: zipfile.ZipFile, manifest: Manifest, into: Path, advance: Advance) -> None:
    free = shutil.disk_usage(into.parent).free
    if manifest.file_bytes > free:
        raise BrokenBackup(f"{manifest.file_bytes:,} bytes are needed in {into.parent.parent}, where {free:,} are free")
    sha256, left = hashlib.sha256(), manifest.file_bytes
    with packed.open(DATABASE) as file, into.open("xb") as out:
        while chunk := file.read(CHUNK_BYTES):
            left -= len(chunk)
            if left < 0:
                break
            sha256.update(chunk)
            out.write(chunk)
            advance(len(chunk))
    if left or sha256.hexdigest() != manifest.file_sha256:
        raise BrokenBackup("its database is not the one that its manifest was written for")


@contextmanager
def reading(path: Path) -> Iterator[Connection]:
    """Give a connection that reads the database of a backup and can do nothing else. Raises BrokenBackup.

    Its schema was looked through first, and so was its structure; what it says is believed in nothing.
    """

    def connect() -> sqlite3.Connection:
        driver = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
        for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0", "query_only = ON"):
            driver.execute(f"PRAGMA {pragma}")
        if sys.version_info >= (3, 11):
            driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
            driver.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        return driver

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)
    try:
        with closing(connect()) as driver:
            _check_schema(driver)
            _check_structure(driver)
        with engine.connect() as connection:
            yield connection
    except (sqlite3.Error, SQLAlchemyError) as error:
        if "disk is full" in str(error):  # of a database that is filled from it
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None
        raise BrokenBackup(f"its database is damaged ({getattr(error, 'orig', None) or error})") from None


def _check_schema(driver: sqlite3.Connection) -> None:
    """Raise BrokenBackup for all that runs something when it is read, and for what is too much to look at."""
    made = driver.execute(_MADE).fetchmany(10 * manifests.MAX_TABLES)
    if len(made) >= 10 * manifests.MAX_TABLES:
        raise BrokenBackup("its database has too many tables")
    for kind, name, chars, begins in made:
        if kind not in ("table", "index") or begins.startswith("CREATE VIRTUAL"):
            raise BrokenBackup(
                f"its database has a {kind} {name!r:.100}, and no backup has views, triggers and the like"
            )
        if chars > MAX_SCHEMA_CHARS or not isinstance(name, str):
            raise BrokenBackup("its database has a table that is too long to look at")
        hidden = driver.execute("SELECT 1 FROM pragma_table_xinfo(?) WHERE hidden > 0", (name,))
        if kind == "table" and hidden.fetchone():
            raise BrokenBackup(f"the table {name!r:.100} of its database works out columns, which no backup does")


def _check_structure(driver: sqlite3.Connection) -> None:
    said = driver.execute("PRAGMA quick_check(1)").fetchone()
    if said != ("ok",):
        raise BrokenBackup(f"its database is damaged ({said[0] if said else 'it cannot be checked'!s:.200})")
