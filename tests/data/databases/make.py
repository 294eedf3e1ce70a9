"""Writes down a database as it is at a revision, for SQLite and for MariaDB.

    python tests/data/databases/make.py 0018

`tutorial` and `tutorial-posted` stand for what the tutorial's own code makes, in its first and its second half.
Run it from the checkout once a release has a new last revision, and commit the two files: from then on they are what
people have, and are not made anew. Files that are there already are left alone unless `--again` is said.
"""

from __future__ import annotations

import argparse
import gzip
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from flask_migrate import upgrade
from pymysql.converters import escape_item
from sqlalchemy.engine import URL, Connection

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parents[2]))

from commentsite import create_app  # noqa: E402 - of this checkout
from commentsite.db import db  # noqa: E402
from tests.data.databases.rows import rows_of  # noqa: E402
from tests.databases import MariaDB, open_engine  # noqa: E402
from tests.migrations.helpers import tutorial  # noqa: E402

TUTORIALS = ("tutorial", "tutorial-posted")


def make_schema(url: URL, revision: str) -> None:
    """Have the tutorial's code or the migrations make their tables."""
    if revision in TUTORIALS:
        with tutorial(url, with_posted=revision == "tutorial-posted") as (tutorials, _):
            tutorials.create_all()
        return
    plain = url.render_as_string(hide_password=False)
    app = create_app(
        {"SECRET_KEY": "a key for tests, and for tests alone", "DATABASE_URL": plain, "DATA_DIR": str(FOLDER)}
    )
    with app.app_context():
        upgrade(revision=revision)
        db.engine.dispose()


def fill(connection: Connection) -> None:
    """Store the awkward rows, as far as the tables have columns for them."""
    inspector = sa.inspect(connection)
    names = sorted(set(inspector.get_table_names()) - {"alembic_version"})
    tables = {name: {column["name"] for column in inspector.get_columns(name)} for name in names}
    if "posted" in tables["comments"]:
        (posted,) = (each for each in inspector.get_columns("comments") if each["name"] == "posted")
        is_whole = connection.dialect.name == "mysql" and not getattr(posted["type"], "fsp", None)
    if "threads" in tables and not connection.execute(sa.text("SELECT 1 FROM threads")).scalar():
        del tables["threads"]  # until 0010 counts the first, all comments are of the only thread there is
        tables["comments"].discard("thread_id")
    for name, rows in rows_of(tables).items():
        connection.execute(sa.text(f"DELETE FROM {name}"))
        for row in rows:
            values = dict(row)
            if name == "comments" and "posted" in row:
                values["posted"] = None if posted["nullable"] and row["id"] % 2 else row["posted"]
                if values["posted"] and is_whole:
                    values["posted"] = values["posted"][:19]  # the server would round 9999 up
            quoted = ", ".join(connection.dialect.identifier_preparer.quote(column) for column in values)
            said = sa.text(f"INSERT INTO {name} ({quoted}) VALUES ({', '.join(f':{column}' for column in values)})")
            connection.execute(said, values)


def sqlite_text(path: Path) -> Iterator[str]:
    connection = sqlite3.connect(path)
    yield from connection.iterdump()
    connection.close()


def mariadb_text(connection: Connection) -> Iterator[str]:
    for table in sorted(sa.inspect(connection).get_table_names()):
        yield connection.exec_driver_sql(f"SHOW CREATE TABLE `{table}`").one()[1].replace("\n", " ") + ";"
        for row in connection.exec_driver_sql(f"SELECT * FROM `{table}`"):  # a line each
            yield f"INSERT INTO `{table}` VALUES ({', '.join(escape_item(value, 'utf8mb4') for value in row)});"


def write(path: Path, lines: Iterator[str]) -> None:
    # Without a time in it, so that the same rows are the same file.
    path.write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))
    print(f"{path.name}: {path.stat().st_size} bytes")


def filled(url: URL, revision: str) -> sa.Engine:
    make_schema(url, revision)
    engine = open_engine(url)
    with engine.begin() as connection:
        fill(connection)
    return engine


def make(revision: str, server: MariaDB, folder: Path) -> None:
    path = folder / f"{revision}.db"
    filled(URL.create("sqlite", database=str(path)), revision)
    write(FOLDER / f"{revision}.sqlite.sql.gz", sqlite_text(path))
    url = server.make_database(f"of_{revision}".replace("-", "_"))
    # As hosts set them up today; tests of adoption have the older sets.
    with open_engine(url).begin() as connection:
        connection.exec_driver_sql("ALTER DATABASE CHARACTER SET utf8mb4")
    with filled(url, revision).connect() as connection:
        write(FOLDER / f"{revision}.mariadb.sql.gz", mariadb_text(connection))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision", nargs="+")
    parser.add_argument("--again", action="store_true", help="make files anew that are there")
    arguments = parser.parse_args()
    wanted = [each for each in arguments.revision if arguments.again or not [*FOLDER.glob(f"{each}.*.gz")]]
    for kept in sorted({*arguments.revision} - {*wanted}):
        print(f"{kept} is there already and is left alone")
    with tempfile.TemporaryDirectory() as folder:
        server = MariaDB(Path(folder) / "mariadb", *MariaDB.NO_SYNC)
        server.start()
        try:
            for revision in wanted:
                make(revision, server, Path(folder))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
