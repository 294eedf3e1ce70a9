"""Sites under test for the lane `faults`, how much is done to them, and the figures that are shown at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from tests.conftest import plain, upgrade_to_head
from tests.databases import MariaDB
from tests.servers.conftest import bare_settings

_FIGURES = pytest.StashKey[list[str]]()


@dataclass(frozen=True)
class Extent:
    """How often each thing is done, and for how many seconds."""

    worker_kills: int
    reloads: int
    stops: int
    database_kills: int
    idle_rounds: int
    load_seconds: int


EXTENTS = {
    "short": Extent(worker_kills=25, reloads=2, stops=1, database_kills=2, idle_rounds=2, load_seconds=10),
    "long": Extent(worker_kills=50, reloads=10, stops=5, database_kills=4, idle_rounds=8, load_seconds=60),
}


@pytest.fixture(scope="session")
def extent(request: pytest.FixtureRequest) -> Extent:
    """How much is done, as `--faults` says."""
    return EXTENTS[request.config.getoption("--faults")]


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """A function that takes what was counted, to be shown at the end of the run."""
    figures = request.config.stash.setdefault(_FIGURES, [])
    return lambda text: figures.append(f"{request.node.name}: {text}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.stash.get(_FIGURES, []):
        terminalreporter.section("faults")
        for line in config.stash[_FIGURES]:
            terminalreporter.write_line(line)


def settings_on(url: URL, folder: Path) -> dict[str, str]:
    """Return settings of a site on a database at head, its data folder `folder`."""
    return {**bare_settings(folder), "COMMENTSITE_DATABASE_URL": plain(url)}


@pytest.fixture
def settings(database: URL, tmp_path: Path) -> dict[str, str]:
    """Settings of a site on a fresh database."""
    return settings_on(database, tmp_path)


@pytest.fixture
def mariadb(tmp_path: Path, lane_missing: Callable[[str], None]) -> Iterator[MariaDB]:
    """A MariaDB server of this test alone, not started, as durable as it comes."""
    if not MariaDB.is_installed():
        lane_missing("no mariadbd here: install Debian's mariadb-server")
    server = MariaDB(tmp_path)
    yield server
    server.stop()


def make_site(mariadb: MariaDB) -> URL:
    """Make a database at head on a server that runs."""
    url = mariadb.make_database("comments")
    upgrade_to_head(url)
    return url
