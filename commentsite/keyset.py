"""Pages of rows in the order of their time, newest first, that cost the same wherever they are.

A page begins at a position (a moment and an id), not at a number of rows: nothing is counted or skipped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, aliased

from .db import Base, db
from .errors import BadAddress

PAGE_SIZE = 50
MAX_ID = 2**63 - 1

Row = TypeVar("Row", bound=Base)

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Position:
    """A place in an order, with or without a row standing there."""

    moment: datetime
    id: int


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows, newest first; where the next older and newer pages begin, None where there are none."""

    rows: Sequence[Row]
    older: Position | None
    newer: Position | None


@dataclass(frozen=True)
class Listing(Generic[Row]):
    """The rows of `chosen`, a select of `entity` by an index that ends in the columns `moment` and `number`.

    Equal moments keep the order of their ids.
    """

    entity: type[Row]
    chosen: Select[Any]
    moment: InstrumentedAttribute[Any]
    number: InstrumentedAttribute[int]

    def position(self, row: Row) -> Position:
        """Return where `row` stands."""
        return Position(getattr(row, self.moment.key), getattr(row, self.number.key))

    def page(self, before: str | None, after: str | None) -> Page[Row]:
        """Return the page that an address asks for by one of two cursors, or the newest. Raises BadAddress."""
        if before is not None and after is not None:
            raise BadAddress({"cursor": "This address asks for older and for newer ones at once. Begin at the newest."})
        if before is not None:
            return self.page_before(position_of(before))
        return self.newest_page() if after is None else self.page_after(position_of(after))

    def newest_page(self) -> Page[Row]:
        """Return the newest PAGE_SIZE rows."""
        order = self.chosen.order_by(self.moment.desc(), self.number.desc())
        found = db.session.scalars(order.limit(PAGE_SIZE + 1)).all()
        return Page(found[:PAGE_SIZE], older=self._next(found), newer=None)

    def page_before(self, position: Position) -> Page[Row]:
        """Return the PAGE_SIZE rows next older than `position`."""
        found = self.beside(position, limit=PAGE_SIZE + 1, newer=False)
        newer = self.position(found[0]) if found else position
        return Page(found[:PAGE_SIZE], older=self._next(found), newer=newer)

    def page_after(self, position: Position) -> Page[Row]:
        """Return the PAGE_SIZE rows next newer than `position`; the newest page where there are not so many."""
        found = self.beside(position, limit=PAGE_SIZE + 1, newer=True)
        if len(found) <= PAGE_SIZE:
            return self.newest_page()
        shown = list(reversed(found[:PAGE_SIZE]))
        return Page(shown, older=self.position(shown[-1]), newer=self.position(shown[0]))

    def beside(self, position: Position, *, limit: int, newer: bool) -> Sequence[Row]:
        """Return the rows nearest to `position` on one side, nearest first.

        One statement of two bounded reads of the index, those of the same moment and those beyond. As one
        condition with OR, SQLite walks every row of the same moment.
        """
        if newer:
            side = self.number > position.id, self.moment > position.moment
            order = self.moment.asc(), self.number.asc()
        else:
            side = self.number < position.id, self.moment < position.moment
            order = self.moment.desc(), self.number.desc()
        same = self.chosen.where(self.moment == position.moment, side[0]).order_by(*order).limit(limit)
        beyond = self.chosen.where(side[1]).order_by(*order).limit(limit)
        both = union_all(select(same.subquery("same")), select(beyond.subquery("beyond"))).subquery("beside")
        found = aliased(self.entity, both)
        moment, number = getattr(found, self.moment.key), getattr(found, self.number.key)
        order = (moment.asc(), number.asc()) if newer else (moment.desc(), number.desc())
        return db.session.scalars(select(found).order_by(*order).limit(limit)).all()

    def _next(self, found: Sequence[Row]) -> Position | None:
        """Return where the next page begins, if the one row more that was asked for is there."""
        return self.position(found[PAGE_SIZE - 1]) if len(found) > PAGE_SIZE else None


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
