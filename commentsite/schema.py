"""Whether the database's schema is one this code can work with, and what to type where it is not."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from flask import Flask, current_app, request
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

from .clock import seconds_running
from .config import MIGRATIONS_DIR
from .db import db
from .errors import Unavailable

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

# How long a schema found to be right is taken to be right. One that was found wrong is asked for every time.
TRUST_SECONDS = 1.0
REVISION = re.compile(r"""^revision(?:: str)? = ["']([^"'\\]+)["']$""", re.MULTILINE)
DOWN_REVISION = re.compile(r"""^down_revision(?:: [^=]+)? = (?:None|["']([^"'\\]+)["'])$""", re.MULTILINE)
OPEN_ENDPOINTS = frozenset({None, "static", "health.healthz", "health.readyz", "health.favicon"})


def init_app(app: Flask) -> None:
    """Have `app` answer 503 while its database has a schema that its code does not fit."""
    app.extensions["commentsite.schema_right_until"] = 0.0
    app.extensions["commentsite.schema_fits"] = None
    app.before_request(refuse_other_schema)


def refuse_other_schema() -> None:
    """Raise Unavailable, naming the command to type, unless the schema is at the head of the migrations or fits."""
    if request.endpoint in OPEN_ENDPOINTS:
        return
    if is_trusted(current_app):
        return
    now = seconds_running()
    problem = schema_problem()
    if problem:
        raise Unavailable(problem, retry_after_seconds=60)
    current_app.extensions["commentsite.schema_right_until"] = now + TRUST_SECONDS


def is_trusted(app: Flask) -> bool:
    """Say whether the schema was found to be right a moment ago."""
    return seconds_running() < float(app.extensions["commentsite.schema_right_until"])


def is_newer() -> bool:
    """Say whether the database has a schema that this code does not know."""
    with db.engine.connect() as connection:
        return current_revision(connection) not in {None, *known_revisions()}


def schema_problem() -> str | None:
    """Return why the schema does not fit this code, and the command that mends it; None where it fits.

    A newer one fits if it only adds to what this code knows, as the next release's does ("Expand, then contract" in
    CONTRIBUTING.md): the programs that still run go on while the database is upgraded.
    """
    with db.engine.connect() as connection:
        current = current_revision(connection)
        if current == head_revision():
            return None
        if current is None:
            if inspect(connection).has_table("comments"):
                return (
                    "The database has a comments table but no schema version. If the tutorial's code made it, type: "
                    "flask --app commentsite db stamp 0001, then: flask --app commentsite db upgrade"
                )
            return "The database has no tables yet. Type: flask --app commentsite db upgrade"
        if current not in known_revisions() and _fits(connection, current):
            return None
    if current in known_revisions():
        return (
            f"The database has the older schema {current}, this program wants {head_revision()}. "
            "Type: flask --app commentsite db upgrade"
        )
    return (
        f"The database has the schema {current}, newer than this program, which knows {head_revision()} and lacks "
        "something there. "
        "Bring the program up to date and restart it. Type: pip install --upgrade commentsite, "
        "or in a checkout: git pull"
    )


def _fits(connection: Connection, newer: str) -> bool:
    """Say whether this code can read and write a schema that it does not know; each is looked at once."""
    if current_app.extensions["commentsite.schema_fits"] == newer:
        return True
    inspector = inspect(connection)
    for table in db.metadata.sorted_tables:
        if not inspector.has_table(table.name):
            return False
        present = {column["name"]: column for column in inspector.get_columns(table.name)}
        if not {*table.columns.keys()} <= present.keys():
            return False
        for name, column in present.items():
            # What this code leaves out has to fill itself, and what it leaves empty may be empty.
            fills_itself = column["nullable"] or column["default"] is not None
            if not (
                fills_itself if name not in table.columns else column["nullable"] or not table.columns[name].nullable
            ):
                return False
    current_app.extensions["commentsite.schema_fits"] = newer
    return True


def current_revision(connection: Connection) -> str | None:
    """Return the revision the database is stamped with, None where it never was."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def head_revision() -> str | None:
    """Return the newest revision this code comes with, as it was when the process first asked."""
    return _line()[0]


def known_revisions() -> frozenset[str]:
    """Return every revision this code comes with."""
    return _line()[1]


@cache
def _line() -> tuple[str | None, frozenset[str]]:
    """Return the newest revision, and all.

    They are read from the two lines that Alembic writes into each file: to load Alembic takes a process that only
    serves more time and memory than Flask does. Where files say it in another way, Alembic is asked.
    """
    texts = [path.read_text("utf-8") for path in (MIGRATIONS_DIR / "versions").glob("*.py")]
    pairs = [pair for pair in map(_revision_and_before, texts) if pair]
    heads = {revision for revision, _ in pairs} - {before for _, before in pairs}
    if len(pairs) == len(texts) and len(heads) == 1:
        return heads.pop(), frozenset(revision for revision, _ in pairs)
    return _line_by_alembic()


def _revision_and_before(text: str) -> tuple[str, str | None] | None:
    """Return the revision of a migration and the one before it, None where they are not plain to see."""
    own, before = REVISION.findall(text), DOWN_REVISION.findall(text)
    if len(own) != 1 or len(before) != 1:
        return None
    return own[0], before[0] or None


def _line_by_alembic() -> tuple[str | None, frozenset[str]]:
    scripts = _scripts()
    return scripts.get_current_head(), frozenset(script.revision for script in scripts.walk_revisions())


def _scripts() -> ScriptDirectory:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_DIR).replace("%", "%%"))
    return ScriptDirectory.from_config(config)


def declared_changes(since: str) -> dict[str, set[str]]:
    """Return, by table, the columns whose values the migrations after `since` change on purpose.

    A migration says so by `changes = {"table": ["column"]}`; the column "*" stands for the whole table.
    """
    found: dict[str, set[str]] = {}
    for script in _scripts().iterate_revisions("head", since):
        for table, columns in getattr(script.module, "changes", {}).items():
            found.setdefault(table, set()).update(columns)
    return found
