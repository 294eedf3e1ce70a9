"""The lines of a file in their order, each checked by itself and against what came before it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from .format import MAX_LINE_BYTES, BrokenLine, Comment, Footer, Header, OtherFormat, Record, Thread, Version, record_of
from .ledger import Ledger
from .policy import MAX_KEPT_ID


@dataclass(frozen=True, slots=True)
class Line:
    """A line by its number from 1: its record, or what is wrong with it; and its length."""

    number: int
    record: Record | None
    problem: str | None
    size: int


class Reader:
    """Goes through a file once; keeps in `ledger` what was read.

    `highest_id` is the highest id that may be kept of those read so far.
    """

    def __init__(self, file: BinaryIO, ledger: Ledger) -> None:
        self.file, self.ledger = file, ledger
        self.highest_id = 0
        self._sha256 = hashlib.sha256()
        self._number = 0
        self._has_ended = False

    def lines(self) -> Iterator[Line]:
        """Yield every line. What is cut short ends in a line that says so. Raises OtherFormat at the first."""
        while line := self.file.readline(MAX_LINE_BYTES + 1):
            self._number += 1
            size = len(line)
            try:
                if size > MAX_LINE_BYTES:
                    size += self._skip_rest(line)
                    raise BrokenLine(f"the line is longer than {MAX_LINE_BYTES} bytes")
                record = self._checked(line)
            except OtherFormat:
                raise
            except BrokenLine as problem:
                yield Line(self._number, None, str(problem), size)
            else:
                yield Line(self._number, record, None, size)
            if size <= MAX_LINE_BYTES:
                self._sha256.update(line)
        if not self._has_ended:
            yield Line(self._number + 1, None, "the file ends without a footer: it was cut short", 0)

    def _skip_rest(self, line: bytes) -> int:
        """Read to the end of a line that is too long; return how much that was."""
        size = 0
        while line and not line.endswith(b"\n"):
            self._sha256.update(line)
            line = self.file.readline(MAX_LINE_BYTES)
            size += len(line)
        self._sha256.update(line)
        return size

    def _checked(self, line: bytes) -> Record:
        try:
            record = record_of(line)
        except BrokenLine as problem:
            if self._number == 1 and not isinstance(problem, OtherFormat):
                raise OtherFormat(f"this is no export of commentsite: {problem}") from None
            raise
        if isinstance(record, Header) and self._number > 1:
            raise BrokenLine("a header stands in the first line alone")
        if self._number == 1 and not isinstance(record, Header):
            raise OtherFormat("this is no export of commentsite: it does not begin with a header")
        if self._has_ended:
            raise BrokenLine("the file goes on after its footer")
        self._check_place(record)
        return record

    def _check_place(self, record: Record) -> None:
        """Raise BrokenLine where a record does not go with those before it."""
        if isinstance(record, Thread):
            if not self.ledger.take_thread(record):
                raise BrokenLine("this thread was there before")
        elif isinstance(record, Comment):
            self._check_comment(record)
        elif isinstance(record, Version):
            self._check_version(record)
        elif isinstance(record, Footer):
            self._has_ended = True
            self._check_footer(record)

    def _check_comment(self, comment: Comment) -> None:
        if not self.ledger.has_thread(comment.thread):
            raise BrokenLine("its thread does not come before it, or is broken")
        if comment.parent is not None:
            parent = self.ledger.comment(comment.parent)
            if parent is None:
                raise BrokenLine(f"its parent {comment.parent} does not come before it, or is broken")
            if parent.thread != comment.thread:
                raise BrokenLine(f"its parent {comment.parent} is in another thread")
        if not self.ledger.take_comment(comment):
            raise BrokenLine(f"a comment {comment.id} was there before")
        if comment.id <= MAX_KEPT_ID:
            self.highest_id = max(self.highest_id, comment.id)

    def _check_version(self, version: Version) -> None:
        comment = self.ledger.comment(version.comment)
        if comment is None:
            raise BrokenLine(f"its comment {version.comment} does not come before it, or is broken")
        if comment.is_deleted or version.revision >= comment.revision:
            raise BrokenLine(f"its comment {version.comment} has no earlier revision {version.revision}")
        if not self.ledger.take_version(version):
            raise BrokenLine("this version was there before")

    def _check_footer(self, footer: Footer) -> None:
        between = self._number - 2
        if footer.threads + footer.comments + footer.versions != between:
            raise BrokenLine(f"{between} lines stand before the footer, which counts others")
        if footer.sha256 != self._sha256.hexdigest():
            raise BrokenLine("the lines before the footer are not those that it was written for")
