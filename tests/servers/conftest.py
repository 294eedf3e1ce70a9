"""Settings of the servers under test, given as their environment."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from tests.conftest import SECRET, plain, upgrade_to_head
from tests.databases import run_sql

_numbers = itertools.count(1)


@pytest.fixture
def settings(database: URL, tmp_path: Path) -> dict[str, str]:
    """Settings of a site on a database at head, its data folder in `tmp_path`."""
    return {**bare_settings(tmp_path), "COMMENTSITE_DATABASE_URL": plain(database)}


@pytest.fixture
def fresh_settings(tmp_path: Path) -> dict[str, str]:
    """Settings of a site that was never started, with no database and no key given."""
    return {"COMMENTSITE_DATA_DIR": str(tmp_path / "data"), "FLASK_SKIP_DOTENV": "1"}


@pytest.fixture
def unmigrated_mysql(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Settings of a site on a MySQL database without tables."""
    if request.config.getoption("--database") == "sqlite":
        pytest.skip("needs MySQL")
    server: URL = request.getfixturevalue("mysql_server")
    name = f"commentsite_servers_{os.getpid()}_{next(_numbers)}"
    run_sql(server, f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    yield {**bare_settings(tmp_path), "COMMENTSITE_DATABASE_URL": plain(server.set(database=name))}
    run_sql(server, f"DROP DATABASE {name}")


def bare_settings(folder: Path) -> dict[str, str]:
    return {"COMMENTSITE_DATA_DIR": str(folder), "COMMENTSITE_SECRET_KEY": SECRET, "FLASK_SKIP_DOTENV": "1"}


def new_sqlite_settings(folder: Path) -> dict[str, str]:
    """Return settings of a site on a new SQLite database at head in `folder`."""
    url = URL.create("sqlite", database=str(folder / "comments.db"))
    upgrade_to_head(url)
    return bare_settings(folder)
