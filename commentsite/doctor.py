"""What the owner of a site wants to know is right: each check with its remedy."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from flask import current_app
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from . import config
from .db import db
from .durability import mysql_findings, sqlite_findings
from .findings import Finding
from .hosts import hosts_in
from .schema import is_newer, schema_problem

GUESSED_SECRETS = ("secret", "change", "password", "example", "0123456789")

LEAST_NODES = 3

FOREIGN_TABLES = """
SELECT table_name, table_collation FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_name IN ('comments')
"""


def settings_findings() -> list[Finding]:
    """Return one finding for all settings, or one for each that cannot work. Needs no app."""
    settings, problems = config.check(config.environment())
    remedy = "Correct it in the environment or in .env; .env.example describes every setting."
    if problems:
        return [Finding("settings", False, problem, remedy) for problem in problems]
    return [Finding("settings", True, f"{len(settings)} settings are right")]


def app_findings() -> Iterator[Finding]:
    """Yield the findings about the current app, its files and its database."""
    yield Finding("time zone", True, f"{current_app.config['TIMEZONE']} is known")
    yield _secret()
    yield _data_dir(current_app.config["DATA_DIR"])
    try:
        yield from _database()
    except (SQLAlchemyError, NoFreeConnection, RuntimeError) as problem:  # RuntimeError: PyMySQL wants cryptography
        reason = getattr(problem, "orig", None) or problem
        yield Finding(
            "database",
            False,
            f"does not answer: {reason}",
            "Start it, or correct COMMENTSITE_DATABASE_URL or _MYSQL_*.",
        )


def _secret() -> Finding:
    secret = current_app.config["SECRET_KEY"]
    remedy = 'Make one with: python3 -c "import secrets; print(secrets.token_hex(32))" and set COMMENTSITE_SECRET_KEY.'
    if (
        len(secret) < config.MIN_SECRET_CHARS
        or len(set(secret)) < 8
        or any(g in secret.lower() for g in GUESSED_SECRETS)
    ):
        return Finding("secret key", False, "is easy to guess", remedy)
    file = current_app.config["DATA_DIR"] / "secret_key"
    if file.exists() and os.name == "posix" and file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Finding("secret key", False, f"{file} can be read by others", f"Type: chmod 600 {file}")
    return Finding("secret key", True, "is long and kept from others")


def _data_dir(folder: Path) -> Finding:
    if not folder.exists():
        return Finding("data folder", True, f"{folder} is not needed with this database")
    if os.access(folder, os.W_OK | os.X_OK):
        return Finding("data folder", True, f"{folder} can be written")
    return Finding(
        "data folder",
        False,
        f"{folder} cannot be written",
        "Give it to the user the site runs as, or set COMMENTSITE_DATA_DIR.",
    )


def _database() -> Iterator[Finding]:
    with db.engine.connect() as connection:
        yield Finding("database", True, f"{config.shown_database(connection.engine.url)} answers")
        yield from (sqlite_findings if connection.dialect.name == "sqlite" else _mysql)(connection)
    problem = schema_problem()
    yield Finding(
        "schema",
        problem is None,
        problem or ("is newer than this program, and fits it" if is_newer() else "is at head"),
        "Type the command that is named here, then restart the site.",
    )


def _mysql(connection: Connection) -> Iterator[Finding]:
    charset, mode = connection.execute(text("SELECT @@character_set_connection, @@sql_mode")).one()
    yield Finding(
        "connection", charset == "utf8mb4", f"speaks {charset}", "Remove charset= from COMMENTSITE_DATABASE_URL."
    )
    yield Finding(
        "strict mode", "STRICT" in mode, "is on" if "STRICT" in mode else "is off", "Remove sql_mode= from the URL."
    )
    if hosts_in(connection.engine.url):
        yield _cluster(connection)
    for table, collation in connection.execute(text(FOREIGN_TABLES)):
        yield Finding(
            f"table {table}",
            collation.startswith("utf8mb4"),
            f"is {collation}",
            f"Type in the MySQL console: ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4;",
        )
    yield from mysql_findings(connection)


def _cluster(connection: Connection) -> Finding:
    rows = connection.execute(text("SHOW STATUS LIKE 'wsrep_cluster_%'"))
    found: dict[str, str] = {row[0]: row[1] for row in rows}
    size, status = int(found["wsrep_cluster_size"]), found["wsrep_cluster_status"]
    return Finding(
        "cluster",
        size >= LEAST_NODES and status == "Primary",
        f"has {size} nodes and is {status}",
        f"Start the nodes that are missing; fewer than {LEAST_NODES} stop when one is lost (docs/scaling.md).",
    )
