"""A database with another schema than the code's is not served, and says what to type."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import downgrade, upgrade
from sqlalchemy import text
from sqlalchemy.engine import URL

from commentsite import schema
from commentsite.clock import seconds_running
from commentsite.config import MIGRATIONS_DIR
from commentsite.db import db
from tests.conftest import SECRET, plain
from tests.databases import run_sql


def test_empty_database_names_the_command(empty_database: URL, make_app: Callable[..., Flask]) -> None:
    answer = make_app(empty_database).test_client().get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert "flask --app commentsite db upgrade" in answer.text


def test_tutorials_database_names_both_commands(empty_database: URL, make_app: Callable[..., Flask]) -> None:
    run_sql(empty_database, "CREATE TABLE comments (id INTEGER PRIMARY KEY, content VARCHAR(4096))")
    answer = make_app(empty_database).test_client().get("/")
    assert answer.status_code == 503
    assert "db stamp 0001" in answer.text


def test_older_schema_names_the_command_and_is_served_once_upgraded(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        downgrade(revision="0003")
    answer = client.post("/", data={"content": "typed"})
    assert answer.status_code == 503
    assert "older schema 0003" in answer.text
    assert "typed</textarea>" in answer.text
    with app.app_context():
        upgrade()
    assert client.get("/").status_code == 200


def to_newer(app: Flask, *changes: str) -> None:
    """Give the database of `app` a schema that its code does not know."""
    with app.app_context():
        for change in [*changes, "UPDATE alembic_version SET version_num = '9999'"]:
            db.session.execute(text(change))
        db.session.commit()


ADDED = [
    "ALTER TABLE comments ADD COLUMN place VARCHAR(20)",
    "ALTER TABLE threads ADD COLUMN mood INTEGER NOT NULL DEFAULT 3",
    "CREATE TABLE moods (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL)",
]
TAKEN = {
    "column": ["ALTER TABLE comments RENAME COLUMN website TO site"],
    "table": ["ALTER TABLE comment_versions RENAME TO former_texts"],
    "column that does not fill itself": [
        "ALTER TABLE comment_versions RENAME TO former",
        "CREATE TABLE comment_versions (id INTEGER PRIMARY KEY, comment_id INTEGER, revision INTEGER, "
        "content VARCHAR(4096), written DATETIME, place INTEGER NOT NULL)",
    ],
    "column that may be empty": [
        "ALTER TABLE comment_versions RENAME TO former",
        "CREATE TABLE comment_versions (id INTEGER PRIMARY KEY, comment_id INTEGER, revision INTEGER, "
        "content VARCHAR(4096) NOT NULL, written DATETIME)",
    ],
}


def test_newer_schema_that_adds_is_served(app: Flask, client: FlaskClient) -> None:
    to_newer(app, *ADDED)
    assert client.post("/", data={"content": "typed"}).status_code == 303
    assert "typed" in client.get("/").text
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("taken", TAKEN)
def test_newer_schema_that_takes_away_names_the_command(taken: str, app: Flask, client: FlaskClient) -> None:
    to_newer(app, *TAKEN[taken])
    answer = client.get("/")
    assert answer.status_code == 503
    assert "newer than this program" in answer.text
    assert "pip install --upgrade" in answer.text


def test_newer_schema_is_looked_at_again_when_it_changes(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "TRUST_SECONDS", 0)
    to_newer(app)
    assert client.get("/").status_code == 200
    to_newer(app, *TAKEN["column"])
    assert client.get("/").status_code == 200  # each is looked at once
    with app.app_context():
        db.session.execute(text("UPDATE alembic_version SET version_num = '10000'"))
        db.session.commit()
    assert client.get("/").status_code == 503


def test_schema_changed_while_serving_is_seen(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/").status_code == 200
    to_newer(app, *TAKEN["column"])
    now = seconds_running()
    monkeypatch.setattr(schema, "seconds_running", lambda: now + schema.TRUST_SECONDS)
    assert client.get("/").status_code == 503


def test_schema_found_right_is_not_asked_for_each_time(app: Flask, client: FlaskClient) -> None:
    client.get("/")
    to_newer(app, *TAKEN["column"])
    assert client.get("/").status_code == 200


@pytest.mark.only_on("sqlite")
def test_newer_schema_is_left_alone_by_serve(app: Flask) -> None:
    with app.app_context():
        assert not schema.is_newer()
        db.session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        db.session.commit()
        assert schema.is_newer()


def test_revisions_are_those_that_alembic_finds() -> None:
    assert schema._line() == schema._line_by_alembic()


def test_revision_written_in_another_way_is_asked_of_alembic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(MIGRATIONS_DIR, tmp_path / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    own = 'revision = "00" + "18"\ndown_revision = "0017"\n\n\ndef upgrade():\n    pass\n'
    (tmp_path / "migrations/versions/0018_own.py").write_text(own, "utf-8")
    monkeypatch.setattr(schema, "MIGRATIONS_DIR", tmp_path / "migrations")
    head, known = schema._line.__wrapped__()
    assert (head, "0018" in known, "0001" in known) == ("0018", True, True)


def test_serving_loads_nothing_that_only_migrations_and_commands_need(database: URL) -> None:
    program = (
        "import sys; from commentsite import create_app; app = create_app();"
        "assert app.test_client().get('/').status_code == 200;"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    settings = {"COMMENTSITE_DATABASE_URL": plain(database), "COMMENTSITE_SECRET_KEY": SECRET, "FLASK_SKIP_DOTENV": "1"}
    loaded = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **settings}, capture_output=True, text=True, check=True
    ).stdout.split()
    assert "flask_sqlalchemy" in loaded
    assert not {"alembic", "flask_migrate", "mako", "pygments", "marshmallow", "markdown_it", "nh3"} & set(loaded)
