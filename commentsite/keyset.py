"""Pages of rows in the order of their time that cost the same wherever they are.

A page begins at a position (a moment and an id), not at a number of rows: nothing is counted or skipped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, Integer, Select, String, bindparam, select, type_coerce, union_all

from .errors import BadAddress
from .reading import rows

PAGE_SIZE = 50
MAX_ID = 2**63 - 1

Shape = TypeVar("Shape")  # what rows have: the attributes of the columns

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Position:
    """A place in an order, with or without a row standing there."""

    moment: datetime
    id: int


@dataclass(frozen=True)
class Page(Generic[Shape]):
    """Rows in the order of their listing; where the next older and newer pages begin, None where there are none."""

    rows: Sequence[Shape]
    older: Position | None
    newer: Position | None


@dataclass(frozen=True, eq=False)
class Listing(Generic[Shape]):
    """The rows of `chosen`, by an index that ends in the columns `moment` and `number`, equal moments by their ids.

    `chosen` selects both columns, and control characters in none but the last; it may have parameters of its own, and
    every method takes their `values`. `shape` makes a row of its columns. The statements are built once.
    """

    shape: Callable[[Iterable[Any]], Shape]
    chosen: Select[Any]
    moment: Column[Any]
    number: Column[int]

    def position(self, row: Any) -> Position:
        """Return where `row` stands."""
        return Position(moment_of(getattr(row, self.moment.key)), getattr(row, self.number.key))

    def page(self, before: str | None, after: str | None, *, oldest_first: bool = False, **values: Any) -> Page[Shape]:
        """Return the page that an address asks for by one of two cursors, or the first. Raises BadAddress."""
        if before is not None and after is not None:
            raise BadAddress({"cursor": "This address asks for older and for newer ones at once. Begin at the newest."})
        text = before if after is None else after
        if text is None:
            return self.first_page(oldest_first=oldest_first, **values)
        turn = self.page_onward if (after is not None) == oldest_first else self.page_back
        return turn(position_of(text), oldest_first=oldest_first, **values)

    def first_page(self, *, oldest_first: bool = False, **values: Any) -> Page[Shape]:
        """Return the first PAGE_SIZE rows."""
        statement = self._from_the_end(oldest_first)
        found = self._shaped(rows(statement, {**values, "limit": PAGE_SIZE + 1}, is_packed=True))
        return self._page(found[:PAGE_SIZE], is_more=len(found) > PAGE_SIZE, behind=None, oldest_first=oldest_first)

    def page_onward(self, position: Position, *, oldest_first: bool = False, **values: Any) -> Page[Shape]:
        """Return the PAGE_SIZE rows that follow `position` in the order of the listing."""
        found = self.beside(position, limit=PAGE_SIZE + 1, newer=oldest_first, **values)
        behind = self.position(found[0]) if found else position
        return self._page(found[:PAGE_SIZE], is_more=len(found) > PAGE_SIZE, behind=behind, oldest_first=oldest_first)

    def page_back(self, position: Position, *, oldest_first: bool = False, **values: Any) -> Page[Shape]:
        """Return the PAGE_SIZE rows that come before `position`; the first page where there are not so many."""
        found = self.beside(position, limit=PAGE_SIZE + 1, newer=not oldest_first, **values)
        if len(found) <= PAGE_SIZE:
            return self.first_page(oldest_first=oldest_first, **values)
        shown = list(reversed(found[:PAGE_SIZE]))
        return self._page(shown, is_more=True, behind=self.position(shown[0]), oldest_first=oldest_first)

    def beside(self, position: Position, *, limit: int, newer: bool, **values: Any) -> Sequence[Shape]:
        """Return the rows nearest to `position` on one side, nearest first."""
        place = {"moment": moment_text(position.moment), "number": position.id, "limit": limit}
        return self._shaped(rows(self._beside(newer), {**values, **place}, is_packed=True))

    def _shaped(self, found: list[Any]) -> list[Shape]:
        return list(map(self.shape, found))

    def _page(
        self, shown: Sequence[Shape], *, is_more: bool, behind: Position | None, oldest_first: bool
    ) -> Page[Shape]:
        ahead = self.position(shown[-1]) if is_more else None
        older, newer = (behind, ahead) if oldest_first else (ahead, behind)
        return Page(shown, older=older, newer=newer)

    @cache  # noqa: B019 - the listings are a few constants
    def _from_the_end(self, oldest_first: bool) -> Select[Any]:
        order = [column.asc() if oldest_first else column.desc() for column in (self.moment, self.number)]
        return self.chosen.order_by(*order).limit(bindparam("limit"))

    @cache  # noqa: B019
    def _beside(self, newer: bool) -> Select[Any]:
        """Return one statement of two bounded reads of the index, those of the same moment and those beyond.

        As one condition with OR, SQLite walks every row of the same moment.
        """
        moment, number = bindparam("moment", type_=String), bindparam("number", type_=Integer)
        own = type_coerce(self.moment, String)
        side = self.number > number if newer else self.number < number
        far = own > moment if newer else own < moment
        order = [column.asc() if newer else column.desc() for column in (self.moment, self.number)]
        limit = bindparam("limit", type_=Integer)
        same = self.chosen.where(own == moment, side).order_by(*order).limit(limit)
        beyond = self.chosen.where(far).order_by(*order).limit(limit)
        both = union_all(select(same.subquery("same")), select(beyond.subquery("beyond"))).subquery("beside")
        ends = both.c[self.moment.key], both.c[self.number.key]
        return select(both).order_by(*(end.asc() if newer else end.desc() for end in ends)).limit(limit)


def moment_of(value: datetime | str) -> datetime:
    """Return the moment that a driver read: as text from SQLite, without its zone from MySQL."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def moment_text(moment: datetime) -> str:
    """Return an aware moment as the text that both databases hold for it."""
    return moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat(" ", "microseconds")


def cursor(position: Position) -> str:
    """Return `position` as text for an address: microseconds since 1970, a dash, the id."""
    return f"{(position.moment - _EPOCH) // _MICROSECOND}-{position.id}"


def position_of(cursor: str) -> Position:
    """Return the position that `cursor` writes. Raises BadAddress where it writes none.

    A cursor that was made up, or whose row is gone, still names a place in the order.
    """
    match = re.fullmatch(r"(-?[0-9]{1,18})-([1-9][0-9]{0,18})", cursor)
    if match and int(match[2]) <= MAX_ID:
        try:
            return Position(_EPOCH + int(match[1]) * _MICROSECOND, int(match[2]))
        except OverflowError:
            pass
    raise BadAddress({"cursor": "This address names no place in this list. Begin at the newest."})
