"""Whether values are what their columns hold: SQLite itself would store anything anywhere, and pages fail of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from .manifest import BrokenBackup
from .rowhash import Column, Row, Table

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", re.ASCII)


def fitting(table: Table, found: Iterator[list[Row]]) -> Iterator[list[Row]]:
    """Yield batches of rows of which every value fits its column. Raises BrokenBackup, which names the column."""
    for batch in found:
        for place, values in enumerate(zip(*batch, strict=True)):
            _check(table, table.columns[place], values)
        yield batch


def _check(table: Table, column: Column, values: Sequence[Any]) -> None:
    if column.kind == "text":
        fits = _all_are(values, str) and (
            column.length is None or max((len(each) for each in values if each), default=0) <= column.length
        )
    elif column.kind == "integer":
        most = 2 ** ((column.length or 32) - 1)
        fits = _all_are(values, int) and all(-most <= each < most for each in values if each)
    elif column.kind == "moment":
        fits = _all_are(values, str) and all(_is_moment(each) for each in set(values) if each is not None)
    else:
        return
    if not fits:
        raise BrokenBackup(f"the table {table.name} has a value in {column.name} that the column does not hold")


def _all_are(values: Sequence[Any], kind: type) -> bool:
    return set(map(type, values)) <= {kind, type(None)}


def _is_moment(value: str) -> bool:
    if not _MOMENT.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
