"""Sites to upgrade: with a data folder of their own, migrations that are planted, and commands as processes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.engine import URL

from commentsite import db as database
from commentsite import schema
from commentsite.config import CHECKOUT_DIR
from tests.migrations.conftest import Scripts
from tests.migrations.helpers import BIN, command_environment
from tests.transfer.files import run


def upgraded(app: Flask, *options: str, status: int = 0) -> str:
    """Run `commentsite upgrade` and return what it says."""
    return run(app.test_cli_runner(), "upgrade", *options, status=status)


def rolled_back(app: Flask, *options: str, status: int = 0) -> str:
    """Run `commentsite rollback` and return what it says."""
    return run(app.test_cli_runner(), "rollback", "--yes", *options, status=status)


def url_of(app: Flask) -> URL:
    url: URL = app.config["SQLALCHEMY_DATABASE_URI"]
    return url


def backups_in(app: Flask) -> list[Path]:
    """Return the backups in the data folder."""
    return sorted((Path(app.config["DATA_DIR"]) / "backups").glob("*.zip"))


def start(app: Flask, *command: str) -> subprocess.Popen[str]:
    """Start a command on the database of a site."""
    return subprocess.Popen(
        [str(BIN / "commentsite"), *command],
        env={**command_environment(url_of(app)), "COMMENTSITE_DATA_DIR": str(app.config["DATA_DIR"])},
        cwd=CHECKOUT_DIR,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class Planted(Scripts):
    """A copy of the migrations that this process takes for the program's own."""

    def add(self, upgrade: str, *attributes: str) -> None:
        """Add the next revision; lines of `attributes` stand at its end."""
        self.plant(upgrade)
        with (self.folder / "versions" / f"{self.last:04d}_planted.py").open("a") as file:
            file.write("\n".join(["", *attributes, ""]))
        forget()


def forget() -> None:
    """Have the program read its migrations anew."""
    schema._line.cache_clear()


@contextmanager
def planting(folder: Path) -> Iterator[Planted]:
    with pytest.MonkeyPatch.context() as patch:
        scripts = Planted(folder)
        patch.setattr(database.migrate(), "directory", str(folder))
        patch.setattr(schema, "MIGRATIONS_DIR", folder)
        yield scripts
    forget()
