"""Databases to measure on: comments of real prose in threads of every shape, for the site and for what it is beside."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache, partial
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import insert, text, update
from sqlalchemy.engine import URL, Connection, make_url

from commentsite import create_app
from commentsite.comments.articles import head_html, look
from commentsite.comments.markup import Rendered, rendered
from commentsite.comments.models import PATH_STEP_CHARS, PATH_STEPS, Comment, Thread
from commentsite.comments.policy import path_below
from commentsite.db import db
from tests.databases import MariaDB, open_engine, run_sql

SECRET = "a key for benchmarks, and for those alone"  # noqa: S105
PROSE = Path(__file__).with_name("prose.txt")
PROSE_COMMENTS = 50
TEXTS = 4000
NAMES = (
    "Agnieszka", "Bernd", "Catarina", "Dafydd", "Elif", "François", "Greta", "Hamid", "Ingrid", "Jun'ichi", "Karel",
    "Lucía Ortega", "Mette", "Nnamdi", "Oksana", "Pádraig", "Quentin", "Rosalind", "Sven-Åke", "Teresa", "Ulla",
    "Vikram", "Wanda", "Ximena", "Yusuf", "Zoltán", "old_harbour", "the baker", "T. Okonkwo", "miss.k",
)  # fmt: skip
FIRST_MOMENT = datetime(2017, 7, 7, 18, 47, tzinfo=timezone.utc)
# What a host with a little memory to spare gives it; every commit is on the disk before it is acknowledged.
MARIADB_OPTIONS = ("--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=512M")
SHAPES = ("flat", "chain", "fan")

MAKE_TEXTS = """
CREATE TABLE benchmark_texts
(n INTEGER PRIMARY KEY, content TEXT, content_html TEXT, renderer VARCHAR(32), name VARCHAR(80), mark VARCHAR(16),
head_html TEXT, look VARCHAR(16))
"""
FILL_TEXTS = (
    "INSERT INTO benchmark_texts VALUES (:n, :content, :content_html, :renderer, :name, :mark, :head_html, :look)"
)
FILL_THREAD = """
INSERT INTO comments
(id, thread_id, content, content_html, renderer, name, mark, look, head_html, posted, parent_id, root_id, path)
SELECT :first + :start + n, :thread, content, content_html, renderer, name, mark, look,
"""
# In the heads of benchmark_texts these stand for the time, as programs and as readers read it.
ISO, SHOWN = "@iso@", "@shown@"
TIMESTAMP_FORMAT = "Posted %Y-%m-%d %H:%M"
# What stands for the time of the comment :start + n, in seconds, and for its path (see policy.path_below).
ABOVE = f":prefix, 1, {PATH_STEP_CHARS} * {{smaller}}(:start + n - 1, {PATH_STEPS - 1})"
SQLITE = {
    "moment": "strftime('%Y-%m-%d %H:%M:%S.000000', :epoch + {seconds}, 'unixepoch')",
    "iso": "strftime('%Y-%m-%dT%H:%M:%SZ', :epoch + {seconds}, 'unixepoch')",
    "shown": "strftime('%Y-%m-%d %H:%M', :epoch + {seconds}, 'unixepoch')",
    "path": f"substr({ABOVE.format(smaller='min')}) || path_step(:first + :start + n)",
    "larger": "max",
}
MYSQL = {
    "moment": "FROM_UNIXTIME(:epoch + {seconds})",
    "iso": "DATE_FORMAT(FROM_UNIXTIME(:epoch + {seconds}), '%Y-%m-%dT%H:%i:%sZ')",
    "shown": "DATE_FORMAT(FROM_UNIXTIME(:epoch + {seconds}), '%Y-%m-%d %H:%i')",
    "path": f"CONCAT(SUBSTR({ABOVE.format(smaller='LEAST')}), "
    f"LPAD(LOWER(CONV(:first + :start + n, 10, 36)), {PATH_STEP_CHARS}, '0'))",
    "larger": "GREATEST",
}


@dataclass(frozen=True)
class DataSet:
    """A database of the site: a thread of `size` comments in each of SHAPES, and after those one of PROSE_COMMENTS."""

    url: URL
    size: int

    def first_id(self, shape: str) -> int:
        """Return the id of the oldest comment of the thread; in those with replies all others stand below it."""
        return 1 + SHAPES.index(shape) * self.size

    @property
    def settings(self) -> dict[str, str]:
        """The site's settings for this database, without their prefix."""
        folder = str(Path(self.url.database or "").parent) if is_sqlite(self.url) else "/nonexistent"
        known = {"DATABASE_URL": plain(self.url), "DATA_DIR": folder, "SECRET_KEY": SECRET}
        return {**known, "TIMESTAMP_FORMAT": TIMESTAMP_FORMAT}  # one that both databases can write


def is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def plain(url: URL) -> str:
    """Return `url` as text, with its password."""
    return url.render_as_string(hide_password=False)


def thread_path(shape: str) -> str:
    """Return the address of the thread of a shape."""
    return "/" if shape == "flat" else f"/threads/{shape}"


def posted(shape: str, number: int, size: int) -> datetime:
    """Return the time of the comment `number` of a thread; the older half of the flat one has one time.

    That is how the upgrade of a database leaves comments that had none.
    """
    return FIRST_MOMENT + timedelta(seconds=max(0, number - size // 2) if shape == "flat" else number)


@cache
def prose() -> tuple[str, ...]:
    """Return PROSE_COMMENTS different comments of 300 characters on average."""
    texts = PROSE.read_text(encoding="utf-8").strip().split("\n%\n")
    more = texts[PROSE_COMMENTS:]
    return tuple(f"{text}\n\n{more[n]}" if n < len(more) else text for n, text in enumerate(texts[:PROSE_COMMENTS]))


@cache
def many_texts() -> tuple[str, ...]:
    """Return TEXTS different comments, put together from the paragraphs of prose()."""
    chance = random.Random(1)  # noqa: S311
    paragraphs = "\n\n".join(prose()).split("\n\n")
    return tuple("\n\n".join(chance.sample(paragraphs, chance.choice((1, 1, 1, 2)))) for _ in range(TEXTS))


@cache
def _rendered_texts() -> tuple[tuple[str, Rendered], ...]:
    """Return many_texts() with what the first site that asks for it makes of them."""
    return tuple((words, rendered(words)) for words in many_texts())


def prose_rows(first_id: int, thread_id: int) -> Iterator[dict[str, object]]:
    """Yield the comments of prose() as rows, hours apart and most of them with a name."""
    chance = random.Random(2)  # noqa: S311
    moment = FIRST_MOMENT
    for number, words in enumerate(prose()):
        moment += timedelta(seconds=chance.randrange(60, 40_000))
        who = chance.randrange(len(NAMES))
        made = rendered(words)
        name = NAMES[who] if chance.random() < 0.8 else None
        yield {
            "id": first_id + number,
            "content": words,
            "posted": moment,
            "thread_id": thread_id,
            "name": name,
            "mark": _mark(who),
            "content_html": made.html,
            "renderer": made.renderer,
            "head_html": head_html(Comment(posted=moment, name=name, mark=_mark(who))),
            "look": look(),
        }


def _head(name: str | None, mark: str) -> str:
    """Return the head of a comment with ISO and SHOWN in the place of its time."""
    head = head_html(Comment(posted=FIRST_MOMENT, name=name, mark=mark))
    return head.replace(f"{FIRST_MOMENT:%Y-%m-%dT%H:%M:%SZ}", ISO).replace(f"{FIRST_MOMENT:%Y-%m-%d %H:%M}", SHOWN)


def _mark(who: int) -> str:
    return f"{random.Random(who).getrandbits(64):016x}"  # noqa: S311


def make_app(data: DataSet, **settings: str) -> Flask:
    return create_app({**data.settings, **settings})


def fill(url: URL, size: int) -> DataSet:
    """Make the site's tables in an empty database and fill them."""
    data = DataSet(url, size)
    app = make_app(data)
    with app.app_context():
        upgrade()
        with db.engine.connect().execution_options(is_writing=True) as connection:
            _prepare(connection)
            for thread_id, shape in enumerate(SHAPES, 1):
                _fill_thread(connection, data, shape, thread_id)
                _store_thread(connection, thread_id, shape, size, posted(shape, size - 1, size))
            of_prose = list(prose_rows(1 + len(SHAPES) * size, len(SHAPES) + 1))
            connection.execute(insert(Comment), of_prose)
            _store_thread(connection, len(SHAPES) + 1, "prose", PROSE_COMMENTS, of_prose[-1]["posted"])
            connection.execute(text("DROP TABLE benchmark_texts"))
            connection.commit()
        if not is_sqlite(url):
            run_sql(url, "ANALYZE TABLE comments", "ANALYZE TABLE threads")
        db.engine.dispose()
    return data


def _prepare(connection: Connection) -> None:
    """Make the table of texts that the threads are filled from, and what SQLite lacks."""
    if connection.dialect.name == "sqlite":
        driver = connection.connection.driver_connection
        driver.create_function("path_step", 1, partial(path_below, None), deterministic=True)  # type: ignore[union-attr]
        driver.execute("PRAGMA synchronous = OFF")  # type: ignore[union-attr]
    connection.execute(text(MAKE_TEXTS))
    rows = [
        {
            "n": n,
            "content": words,
            "content_html": html.html,
            "renderer": html.renderer,
            "name": (name := NAMES[n % len(NAMES)] if n % 10 else None),
            "mark": (mark := _mark(n % 997)),
            "head_html": _head(name, mark),
            "look": look(),
        }
        for n, (words, html) in enumerate(_rendered_texts())
    ]
    connection.execute(text(FILL_TEXTS), rows)
    connection.commit()


def _fill_thread(connection: Connection, data: DataSet, shape: str, thread_id: int) -> None:
    """Fill a thread from the table of texts, so many comments a transaction as that has."""
    first_id = data.first_id(shape)
    dialect = MYSQL if connection.dialect.name == "mysql" else SQLITE
    seconds = f"{dialect['larger']}(0, :start + n - {data.size // 2})" if shape == "flat" else ":start + n"
    prefix = ""
    for number in range(1, PATH_STEPS) if shape == "chain" else ():
        prefix = path_below(prefix, first_id + number)
    values = {
        "flat": "NULL, NULL, NULL",
        "chain": f":first + :start + n - 1, :first, {dialect['path']}",
        "fan": f":first, :first, {dialect['path']}",
    }[shape]
    moment, iso, shown = (dialect[name].format(seconds=seconds) for name in ("moment", "iso", "shown"))
    head = f"REPLACE(REPLACE(head_html, '{ISO}', {iso}), '{SHOWN}', {shown})"
    statement = text(f"{FILL_THREAD} {head}, {moment}, {values} FROM benchmark_texts WHERE n < :take")
    known = {"first": first_id, "thread": thread_id, "epoch": int(FIRST_MOMENT.timestamp()), "prefix": prefix}
    constants = {name: value for name, value in known.items() if name in statement.compile().params}
    for start in range(0, data.size, TEXTS):
        connection.execute(statement, {**constants, "start": start, "take": data.size - start})
        connection.commit()
    if shape != "flat":
        top = {"parent_id": None, "root_id": None, "path": None, "reply_count": data.size - 1}
        connection.execute(update(Comment).where(Comment.id == first_id).values(**top))


def _store_thread(connection: Connection, thread_id: int, name: str, size: int, latest: object) -> None:
    values = {"comment_count": size, "version": size, "latest": latest}
    if thread_id == 1:  # it is there from the beginning
        connection.execute(update(Thread).where(Thread.id == 1).values(**values))
    else:
        connection.execute(insert(Thread).values(id=thread_id, key=f"/{name}", **values))
    connection.commit()


def fill_tutorial(url: URL, size: int) -> None:
    """Make the tutorial's table in an empty database and fill it."""
    number = "INTEGER PRIMARY KEY" if is_sqlite(url) else "INTEGER PRIMARY KEY AUTO_INCREMENT"
    run_sql(url, f"CREATE TABLE comments (id {number}, content VARCHAR(4096), posted DATETIME)")
    texts = many_texts()
    engine = open_engine(url)
    with engine.begin() as connection:
        mark = "?" if is_sqlite(url) else "%s"
        connection.exec_driver_sql(
            f"INSERT INTO comments (content, posted) VALUES ({mark}, {mark})",
            [(texts[n % TEXTS], f"{FIRST_MOMENT:%Y-%m-%d %H:%M:%S}.000000") for n in range(size)],
        )
    engine.dispose()


def fill_isso(path: Path, size: int, uri: str) -> None:
    """Fill a database that Isso has made with comments under the page `uri`."""
    texts = many_texts()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO threads (id, uri, title) VALUES (1, ?, 'benchmark')", (uri,))
        connection.executemany(
            "INSERT INTO comments (tid, created, mode, remote_addr, text, author, voters) VALUES (1, ?, 1, ?, ?, ?, ?)",
            (
                (FIRST_MOMENT.timestamp() + n, "127.0.0.0", texts[n % TEXTS], NAMES[n % len(NAMES)], bytes(256))
                for n in range(size)
            ),
        )


class Databases:
    """Makes empty databases: SQLite files in `folder`, MariaDB's on a private server or on the one at `mysql_url`."""

    def __init__(self, folder: Path, mysql_url: URL | None) -> None:
        self.folder = folder
        self._mysql_url = mysql_url
        self._made: list[URL] = []

    def empty(self, kind: str, name: str) -> URL:
        """Return the address of a new database without tables; `kind` is sqlite or mysql."""
        if kind == "sqlite":
            folder = self.folder / name
            folder.mkdir()
            return URL.create("sqlite", database=str(folder / "comments.db"))
        if self._mysql_url is None:
            raise LookupError("there is no MariaDB server here")
        database = f"commentsite_benchmark_{name}"
        run_sql(self._mysql_url, f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
        self._made.append(self._mysql_url.set(database=database))
        return self._made[-1]

    def drop(self) -> None:
        """Drop what was made on the server; what is in use still is left there after some seconds."""
        for url in self._made:
            run_sql(url, "SET lock_wait_timeout = 10", f"DROP DATABASE {url.database}")


@contextmanager
def databases(folder: Path, mysql_url: str | None, *, with_mysql: bool) -> Iterator[Databases]:
    """Databases in `folder` and, if wanted, on a MariaDB server, which is started there unless one is given."""
    server = None
    if with_mysql and mysql_url is None:
        (folder / "my").mkdir()
        server = MariaDB(folder / "my", *MARIADB_OPTIONS)
        server.start()
    given = make_url(mysql_url).set(drivername="mysql+pymysql") if mysql_url else server.url if server else None
    made = Databases(folder, given)
    try:
        yield made
    finally:
        if server:
            server.stop()  # its files go with the folder
        else:
            made.drop()
