"""What no migration does unasked: take rows away, have others go with them, stop readers and writers for long.

Each statement that a migration gives to its connection is read before it runs, and one that would do harm is not run:

- `loss`: DELETE, TRUNCATE, DROP TABLE and REPLACE where there are rows, also in a table built anew with fewer of them;
  on the way up DROP COLUMN where there are values. On the way down a column goes with the step that brought it.
- `cascade`: rows of a table that another refers to by ON DELETE CASCADE or SET NULL, on MySQL. (SQLite's foreign keys
  are off while migrations run; rows left without their parent are refused at the end, see env.py.)
- `lock`: on MySQL, a change of a table above BIG_TABLE_ROWS that cannot be made while others read and write, or that
  many of its rows held in one transaction. `LOCK=NONE` is added where a statement leaves the lock to the server, which
  then refuses by itself what it can only do by a locked copy.

Whoever means it says `-x allow=loss`, or writes `meant = {"loss": ["table"]}` into the migration.

Not seen: what an UPDATE writes over, what happens in triggers, and connections that a migration opens by itself.
What no longer fits a narrowed column is an error of the database, which runs in its strict mode.
"""

from __future__ import annotations

import re
import traceback
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from alembic.util import CommandError
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

KINDS = ("loss", "cascade", "lock")
BIG_TABLE_ROWS = 10_000
SHOWN_CHARS = 200
# The copy that Alembic makes when it builds a table anew, and drops again where that ends in a refusal.
OF_ALEMBIC = "_alembic_tmp_"

NO_SUCH_TABLE, NO_SUCH_COLUMN = {1051, 1146}, {1054}
NEEDS_A_LOCK = {1845, 1846}

NAME = r"(?:`[^`]+`|\"[^\"]+\"|\[[^\]]+\]|[\w$]+)"
TABLE = rf"(?P<table>{NAME}(?:\s*\.\s*{NAME})?)"
ONE = rf"{NAME}(?:\s*\.\s*{NAME})?"
IF_EXISTS = r"(?:IF\s+(?:NOT\s+)?EXISTS\s+)?"


def pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.DOTALL)


# Names in quotes are kept, so that a quote in one begins no text.
MYSQL_PARTS = pattern(r"(`[^`]*`)|'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|/\*(?!M?!).*?\*/|--\s[^\n]*|#[^\n]*")
SQLITE_PARTS = pattern(r"(`[^`]*`|\"[^\"]*\"|\[[^\]]*\])|'(?:[^']|'')*'|/\*.*?\*/|--[^\n]*")
RUN_IN_COMMENTS = pattern(r"/\*M?!\d*|\*/")

DELETE = pattern(
    rf"DELETE\s+(?:LOW_PRIORITY\s+|QUICK\s+|IGNORE\s+)*FROM\s+{TABLE}(?P<rest>\s*(?:WHERE\b.*|ORDER\s+BY\b.*|LIMIT\b.*)?)$"
)
DELETE_ANYHOW = pattern(r"(?:DELETE|WITH\b.*\b(?:DELETE\s+FROM|REPLACE\s+INTO))\b")
UNREADABLE = pattern(r"(?:CALL|PREPARE|EXECUTE|DROP\s+(?:DATABASE|SCHEMA))\b")
EMPTIES = pattern(rf"TRUNCATE\s+(?:TABLE\s+)?{TABLE}")
REPLACES = pattern(
    rf"(?:REPLACE\b(?:\s+LOW_PRIORITY|\s+DELAYED)?\s+(?:INTO\s+)?|(?:INSERT|UPDATE)\s+OR\s+REPLACE\s+(?:INTO\s+)?){TABLE}"
)
DROPS = pattern(rf"DROP\s+TABLE\s+{IF_EXISTS}(?P<tables>{ONE}(?:\s*,\s*{ONE})*)")
MAKES_ANEW = pattern(rf"CREATE\s+OR\s+REPLACE\s+TABLE\s+{TABLE}")
ALTERS = pattern(rf"ALTER\s+(?:ONLINE\s+)?(?P<ignore>IGNORE\s+)?TABLE\s+{IF_EXISTS}{TABLE}(?P<rest>.*)")
DROPPED_COLUMN = pattern(
    rf"\bDROP\s+(?!(?:INDEX|KEY|FOREIGN|PRIMARY|CONSTRAINT|CHECK|PARTITION|DEFAULT)\b)(?:COLUMN\s+)?{IF_EXISTS}(?P<column>{NAME})"
)
EMPTIES_PARTITION = pattern(r"\b(?:DROP|TRUNCATE|EXCHANGE)\s+PARTITION\b")
# An index goes without a copy or a lock, always.
ADDS_INDEX = pattern(rf"CREATE\s+(?!TABLE\b)(?:\w+\s+){{0,3}}INDEX\s.*?\bON\s+{TABLE}")
RENAMES = pattern(r"\s*RENAME\s+(?:TO|AS|COLUMN|INDEX|KEY)\b[^,]*$")
SAYS_LOCK = pattern(r"\bLOCK\s*=?\s*(?P<lock>NONE|SHARED|EXCLUSIVE|DEFAULT)\b")
IS_INSTANT = pattern(r"\bALGORITHM\s*=?\s*INSTANT\b")
COPIES = pattern(
    rf"(?:INSERT|REPLACE)\s+(?:OR\s+\w+\s+|IGNORE\s+)?(?:INTO\s+)?(?P<target>{ONE}).*?\bSELECT\b(?P<columns>.*?)\bFROM\s+{TABLE}"
)
WRITES_ROWS = pattern(
    rf"(?:UPDATE\s+(?:LOW_PRIORITY\s+|IGNORE\s+)*|INSERT\s+(?:IGNORE\s+)?(?:INTO\s+)?(?=.*\bSELECT\b)){TABLE}"
)

REFERRING = """
SELECT k.table_name, k.delete_rule FROM information_schema.referential_constraints k
WHERE k.constraint_schema = DATABASE() AND k.referenced_table_name = '{}' AND k.delete_rule IN ('CASCADE', 'SET NULL')
ORDER BY k.table_name
"""


class Harm(NamedTuple):
    """What a statement would do: one of KINDS, to which table, in words."""

    kind: str
    table: str
    said: str


class Place(NamedTuple):
    """Where in which migration a statement stands, and what the migration says that it means."""

    file: str
    line: int
    direction: str
    meant: dict[str, list[str]]


class Guard:
    """Reads what migrations do on `connection`; `allowed` are the KINDS, `dropped` the tables, that were asked for."""

    def __init__(self, connection: Connection, allowed: Iterable[str], dropped: Iterable[str]) -> None:
        self.connection = connection
        self.is_mysql = connection.dialect.name == "mysql"
        self.allowed, self.dropped = set(allowed), set(dropped)
        self.copied: dict[str, list[tuple[str, int]]] = defaultdict(list)
        self.last: tuple[str, str] | None = None  # what to say, and of which table, where the server refuses

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Refuse, by CommandError, what would do harm, while the block runs."""
        listeners: list[tuple[str, Any, dict[str, bool]]] = [
            ("before_cursor_execute", self.before, {"retval": True}),
            ("after_cursor_execute", self.after, {}),
            ("rollback", lambda _: self.copied.clear(), {}),
        ]
        for name, listener, options in listeners:
            event.listen(self.connection, name, listener, **options)
        try:
            yield
        except DBAPIError as error:
            if self.is_mysql and error.orig is not None and error.orig.args[0] in NEEDS_A_LOCK and self.last:
                raise CommandError(self.lock_needed(str(error.orig.args[1]))) from error
            raise
        finally:
            for name, listener, _ in listeners:
                event.remove(self.connection, name, listener)

    def before(
        self, _connection: Connection, _cursor: object, statement: str, parameters: Any, _context: object, many: bool
    ) -> tuple[str, Any]:
        """Raise where `statement` would do harm; give it back, with `LOCK=NONE` where it alters a big table."""
        place = None if is_harmless(statement) else place_in_migration()
        if place is None:
            return statement, parameters
        self.last = None
        read = Statement(statement, is_mysql=self.is_mysql)
        for harm in self.harms(read, parameters if many else [parameters], place):
            self.refuse_unless_meant(harm, statement, place)
        for table in read.dropped_tables():
            self.copied.pop(unquoted(table), None)
        return self.without_lock(statement, read, place), parameters

    def after(
        self, connection: Connection, cursor: Any, statement: str, _parameters: object, _context: object, _many: bool
    ) -> None:
        """Note how many rows were copied where; raise where one transaction holds more than a big table has."""
        place = None if is_harmless(statement) else place_in_migration()
        if place is None:
            return
        read = Statement(statement, is_mysql=self.is_mysql)
        if copy := COPIES.match(read.plain):
            self.copied[unquoted(copy["table"])].append((copy["columns"], max(cursor.rowcount, 0)))
        is_one_transaction = connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT"
        found = WRITES_ROWS.match(read.plain)
        if self.is_mysql and is_one_transaction and found and cursor.rowcount > BIG_TABLE_ROWS:
            table = unquoted(found["table"])
            said = f"holds {cursor.rowcount} rows of {table} in one transaction, where batches would let others write"
            self.refuse_unless_meant(Harm("lock", table, said), statement, place)

    def refuse_unless_meant(self, harm: Harm, statement: str, place: Place) -> None:
        meant = harm.kind in self.allowed or harm.table in place.meant.get(harm.kind, ())
        if meant or (harm.kind == "loss" and harm.table in self.dropped):
            return
        raise CommandError(refusal(harm, statement, place))

    def harms(self, read: Statement, parameters: list[Any], place: Place) -> Iterator[Harm]:
        """Tell what harm the statement would do."""
        yield from self.deleted(read, parameters)
        for table in read.emptied():
            if unquoted(table).startswith(OF_ALEMBIC):
                continue
            if n := self.rows_lost(table):
                yield Harm("loss", unquoted(table), f"takes {counted(n, 'row')} of {unquoted(table)} away")
                yield from self.cascades(table)
        if place.direction == "upgrade":
            yield from self.values_lost(read)
        if UNREADABLE.match(read.plain):
            yield Harm("loss", "", "does what cannot be seen from here")

    def deleted(self, read: Statement, parameters: list[Any]) -> Iterator[Harm]:
        found = DELETE.match(read.uncommented)
        if found and "RETURNING" not in read.plain.upper():
            count = f"SELECT COUNT(*) FROM {found['table']} {found['rest']}"  # noqa: S608
            n = sum(int(self.answer(count, each) or 0) for each in parameters)
            if n:
                yield Harm(
                    "loss", unquoted(found["table"]), f"takes {counted(n, 'row')} of {unquoted(found['table'])} away"
                )
                yield from self.cascades(found["table"])
        elif DELETE_ANYHOW.match(read.plain):
            yield Harm("loss", "", "takes rows away, how many cannot be seen from here")
        elif (found := REPLACES.match(read.plain)) and self.bounded_count(found["table"], 1):
            yield Harm("loss", unquoted(found["table"]), f"takes rows of {unquoted(found['table'])} away to put others")
            yield from self.cascades(found["table"])

    def rows_lost(self, table: str) -> int:
        """Return how many rows of `table` would go, less those that the migration copied elsewhere."""
        copied = sum(n for _, n in self.copied.get(unquoted(table), ()))
        return max(0, int(self.answer(f"SELECT COUNT(*) FROM {table}") or 0) - copied)  # noqa: S608

    def values_lost(self, read: Statement) -> Iterator[Harm]:
        for table, column in [*read.dropped_columns(), *self.columns_left_behind(read)]:
            n = self.answer(f"SELECT COUNT(*) FROM {table} WHERE {column} IS NOT NULL")  # noqa: S608
            if n:
                yield Harm(
                    "loss", unquoted(table), f"drops {counted(n, 'value')} of {unquoted(table)}.{unquoted(column)}"
                )

    def columns_left_behind(self, read: Statement) -> Iterator[tuple[str, str]]:
        """Tell the columns that were not copied with the rows of a table that is now dropped."""
        for table in read.dropped_tables():
            words = " ".join(selected for selected, _ in self.copied.get(unquoted(table), ()))
            if not words or "*" in words:
                continue
            columns = list(self.connection.exec_driver_sql(f"SELECT * FROM {table} LIMIT 0").keys())  # noqa: S608
            for column in columns:
                if not re.search(rf"(?<!\w){re.escape(column)}(?!\w)", words):
                    quote = "`" if self.is_mysql else '"'
                    yield table, f"{quote}{column}{quote}"

    def cascades(self, table: str) -> Iterator[Harm]:
        if not self.is_mysql:
            return
        for child, rule in self.connection.exec_driver_sql(REFERRING.format(unquoted(table))).all():
            if self.bounded_count(f"`{child}`", 1):
                verb = "takes rows of {} away" if rule == "CASCADE" else "empties a column of {}"
                yield Harm("cascade", child, verb.format(child) + f", which refer to those of {unquoted(table)}")

    def without_lock(self, statement: str, read: Statement, place: Place) -> str:
        """Return the statement such that it fails rather than stop others on a big table, unless that is meant."""
        altered = read.altered() if self.is_mysql else None
        if not altered or "lock" in self.allowed or unquoted(altered) in place.meant.get("lock", ()):
            return statement
        if IS_INSTANT.search(read.plain) or self.bounded_count(altered, BIG_TABLE_ROWS + 1) <= BIG_TABLE_ROWS:
            return statement
        table = unquoted(altered)
        self.last = (refusal(Harm("lock", table, f"locks {table}, which is big"), statement, place), table)
        said = SAYS_LOCK.search(read.plain)
        if said and said["lock"].upper() in ("SHARED", "EXCLUSIVE"):
            what = f"stops those who write to {table}, with more than {BIG_TABLE_ROWS} rows, while it runs"
            raise CommandError(refusal(Harm("lock", table, what), statement, place))
        if said:
            return statement
        return f"{statement.rstrip().rstrip(';')}{',' if ALTERS.match(read.plain) else ''} LOCK=NONE"

    def lock_needed(self, reason: str) -> str:
        assert self.last is not None  # noqa: S101 - asked by whoever calls
        said, table = self.last
        return f"{said}\n{table} has more than {BIG_TABLE_ROWS} rows, and the server says: {reason}"

    def bounded_count(self, table: str, most: int) -> int:
        """Return how many rows `table` has, `most` if more, reading no more than that."""
        return int(self.answer(f"SELECT COUNT(*) FROM (SELECT 1 FROM {table} LIMIT {most}) AS some") or 0)  # noqa: S608

    def answer(self, question: str, parameters: Any = None) -> Any:
        """Return the one value that `question` asks for; None where a table or column is not there."""
        try:
            return self.connection.exec_driver_sql(question, parameters or None).scalar()
        except DBAPIError as error:
            args = error.orig.args if error.orig is not None else ("",)
            if args[0] in NO_SUCH_TABLE | NO_SUCH_COLUMN or "no such" in str(args[0]):
                return None
            raise


class Statement:
    """A statement without comments, and `plain`, where texts in quotes are empty too."""

    def __init__(self, statement: str, *, is_mysql: bool) -> None:
        parts = MYSQL_PARTS if is_mysql else SQLITE_PARTS
        if is_mysql:
            statement = RUN_IN_COMMENTS.sub(" ", statement) if "!" in statement else statement
        self.uncommented = parts.sub(lambda part: " " if part[0][0] in "/-#" else part[0], statement).strip(" \t\r\n;")
        self.plain = parts.sub(lambda part: part[1] or ("''" if part[0][0] in "'\"" else " "), statement).strip(
            " \t\r\n;"
        )

    def emptied(self) -> list[str]:
        """Return the tables that would have none of their rows left."""
        found = EMPTIES.match(self.plain) or MAKES_ANEW.match(self.plain)
        if found:
            return [found["table"]]
        altered = ALTERS.match(self.plain)
        if altered and (altered["ignore"] or EMPTIES_PARTITION.search(altered["rest"])):
            return [altered["table"]]
        return self.dropped_tables()

    def dropped_tables(self) -> list[str]:
        found = DROPS.match(self.plain)
        return re.findall(ONE, found["tables"]) if found else []

    def dropped_columns(self) -> list[tuple[str, str]]:
        found = ALTERS.match(self.plain)
        return [(found["table"], each["column"]) for each in DROPPED_COLUMN.finditer(found["rest"])] if found else []

    def altered(self) -> str | None:
        """Return the table that is altered or gets an index; a new name alone alters nothing."""
        found = ALTERS.match(self.plain)
        if found:
            return None if RENAMES.match(found["rest"]) else found["table"]
        found = ADDS_INDEX.match(self.plain)
        return found["table"] if found else None


def is_harmless(statement: str) -> bool:
    return statement.lstrip(" \t\r\n(")[:6].upper() in ("SELECT", "PRAGMA", "SHOW C", "SHOW F", "SHOW T")


def place_in_migration() -> Place | None:
    """Return where the migration that runs stands; None for what Alembic and env.py do by themselves."""
    line = 0
    for frame, number in traceback.walk_stack(None):
        if not {"revision", "down_revision"} <= frame.f_globals.keys():
            continue
        line = line or number
        if frame.f_code.co_name in ("upgrade", "downgrade"):
            file = Path(frame.f_code.co_filename).name
            return Place(file, line, frame.f_code.co_name, frame.f_globals.get("meant", {}))
    return None


def refusal(harm: Harm, statement: str, place: Place) -> str:
    shown = " ".join(statement.split())
    shown = shown if len(shown) <= SHOWN_CHARS else f"{shown[:SHOWN_CHARS]} ..."
    return (
        f"{place.file}, line {place.line} ({place.direction}) {harm.said}, by\n    {shown}\n"
        f"That is not done unasked. If you mean it and have a copy, say -x allow={harm.kind}, or write into the file: "
        f'meant = {{"{harm.kind}": ["{harm.table}"]}}'
    )


def counted(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def unquoted(name: str) -> str:
    """Return the last part of a name as the database knows it."""
    parts: list[str] = re.findall(NAME, name)
    return parts[-1].strip('`"[]')
