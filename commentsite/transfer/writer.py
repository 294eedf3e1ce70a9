"""The lines of a whole export, and a file that is there whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

from sqlalchemy.engine import Connection

from . import queries
from .format import FORMAT, VERSION, Comment, Footer, Header, Thread, Version, line_of
from .queries import Counts


def exported(connection: Connection, counts: Counts, *, with_emails: bool, now: datetime) -> Iterator[bytes]:
    """Yield the lines of the site that `connection` sees, from the header to the footer."""
    header = Header(FORMAT, VERSION, version("commentsite"), now, with_emails, *counts)
    sha256 = hashlib.sha256()
    written: Counter[type] = Counter()
    line = line_of(header)
    sha256.update(line)
    yield line
    for record in queries.records(connection, with_emails=with_emails):
        line = line_of(record)
        sha256.update(line)
        written[type(record)] += 1
        yield line
    yield line_of(Footer(written[Thread], written[Comment], written[Version], sha256.hexdigest()))


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write and read; it gets the name `path` when it is whole and on the disk, and none if it never is.

    Only its owner may read it: there are addresses in it.
    """
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)  # of an export that was killed
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Have the new name survive a power cut too, where the system can."""
    with suppress(PermissionError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
