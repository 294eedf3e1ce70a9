"""Files for the tests of export and import: made of records, with a header and a footer that are true."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskCliRunner

from commentsite.db import db
from commentsite.transfer.format import Comment, Footer, Header, Record, Thread, Version, line_of
from commentsite.transfer.ledger import Ledger
from commentsite.transfer.reader import Reader
from tests.factories import MOMENT

ROOT = Thread("/", None)
HELLO = Comment(1, "/", None, MOMENT, None, None, None, None, "Hello", 1, None, None)


def comment(number: int, content: str | None = None, **fields: Any) -> Comment:
    """Return a comment of its own text, posted a second after the one before it."""
    posted = MOMENT + timedelta(seconds=number)
    return replace(HELLO, **{"id": number, "content": content or f"comment {number}", "posted": posted, **fields})


def reply(number: int, parent: int, **fields: Any) -> Comment:
    return comment(number, parent=parent, **fields)


def whole(records: Sequence[Record | bytes]) -> bytes:
    """Return a file of `records`; those that are bytes are lines as they stand."""
    kinds = Counter(type(record) for record in records)
    counts = kinds[Thread], kinds[Comment] + kinds[bytes], kinds[Version]
    lines = [line_of(Header("commentsite", 1, "0.1.0", MOMENT, True, *counts))]
    lines += [record if isinstance(record, bytes) else line_of(record) for record in records]
    text = b"".join(lines)
    return text + line_of(Footer(*counts, hashlib.sha256(text).hexdigest()))


def problems(text: bytes) -> list[tuple[int, str]]:
    """Return the broken lines of a file: their numbers, and what is wrong."""
    reader = Reader(io.BytesIO(text), Ledger())
    return [(line.number, line.problem) for line in reader.lines() if line.problem]


def problem(line: bytes | Record, *before: Record) -> str:
    """Return what is wrong with one line that comes after a thread and the records `before` it."""
    found = problems(whole([ROOT, *before, line]))
    assert [number for number, _ in found] == [3 + len(before)]
    return found[0][1]


def import_records(app: Flask, path: Path, *records: Record | bytes, options: Sequence[str] = ()) -> str:
    """Import a file of records and return what the command said."""
    path.write_bytes(whole(records))
    return run(app.test_cli_runner(), "import", str(path), *options)


def run(runner: FlaskCliRunner, *arguments: str, status: int = 0) -> str:
    result = runner.invoke(args=arguments)
    assert result.exit_code == status, result.output
    return result.output


def body(app: Flask, path: Path) -> bytes:
    """Export a site and return the lines between header and footer."""
    run(app.test_cli_runner(), "export", str(path))
    with app.app_context():
        db.session.rollback()
    return b"".join(path.read_bytes().splitlines(keepends=True)[1:-1])
