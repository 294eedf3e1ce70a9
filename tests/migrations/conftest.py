"""Fixtures for tests that plant tables and revisions: never among the project's own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine import URL

from commentsite.config import CHECKOUT_DIR, MIGRATIONS_DIR
from commentsite.db import NAMES, db

from .helpers import db_command
from .releases import previous_release

WITHOUT_RELEASE = pytest.StashKey[bool]()

REVISION = '''"""planted"""
from alembic import op
import sqlalchemy as sa

revision = "{number:04d}"
down_revision = "{before:04d}"


def upgrade():
    {upgrade}


def downgrade():
    {downgrade}
'''


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out character sets where there is but one, on SQLite, and the previous release where there is none."""
    has_release = CHECKOUT_DIR and previous_release(CHECKOUT_DIR)
    of_release = [] if has_release else [item for item in items if item.get_closest_marker("previous_release")]
    config.stash[WITHOUT_RELEASE] = bool(of_release)
    senseless = [item for item in items if _is_senseless(item) or item in of_release]
    config.hook.pytest_deselected(items=senseless)
    items[:] = [item for item in items if item not in senseless]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.stash.get(WITHOUT_RELEASE, False):
        terminalreporter.write_line("There is no release before this one yet: no older suite was run on this schema.")


def _is_senseless(item: pytest.Item) -> bool:
    params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return params.get("backend") == "sqlite" and params.get("charset", "utf8mb4") != "utf8mb4"


class Scripts:
    """A copy of the project's migrations that a test adds to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(MIGRATIONS_DIR, folder, ignore=shutil.ignore_patterns("__pycache__"))
        self.last = len(self.files())

    def files(self) -> list[str]:
        """Return the names of all revisions."""
        return sorted(path.name for path in (self.folder / "versions").glob("*.py"))

    def plant(self, upgrade: str, downgrade: str = "pass") -> None:
        """Add the next revision, by hand; statements are divided by line ends."""
        self.last += 1
        up, down = (lines.replace("\n", "\n    ") for lines in (upgrade, downgrade))
        text = REVISION.format(number=self.last, before=self.last - 1, upgrade=up, downgrade=down)
        (self.folder / "versions" / f"{self.last:04d}_planted.py").write_text(text)

    def text(self, number: int) -> str:
        """Return what the revision of this number says."""
        (path,) = (self.folder / "versions").glob(f"{number:04d}_*.py")
        return path.read_text()


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    return Scripts(tmp_path / "migrations")


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> sa.MetaData:
    """The tables of the models, copied, so that a test can add tables and columns which only it has."""
    metadata = sa.MetaData(naming_convention=NAMES)
    for table in db.metadata.sorted_tables:
        table.to_metadata(metadata)
    monkeypatch.setitem(db.metadatas, None, metadata)
    return metadata


Run = Callable[..., str]


@pytest.fixture
def run(empty_database: URL, make_app: Callable[..., Flask], scripts: Scripts) -> Run:
    """A function that runs `flask db ...` on a database of its own, with the copied migrations."""
    app = make_app(empty_database)

    def run_one(command: str, *arguments: str, status: int = 0) -> str:
        return db_command(app, command, "-d", str(scripts.folder), *arguments, status=status)

    return run_one
