"""Fixtures for all tests: a new app and an own database for each, on SQLite and again on MySQL.

Lanes that this machine cannot run are skipped and say so; with --require-lanes they fail.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from flask_migrate import upgrade
from sqlalchemy.engine import URL, make_url
from werkzeug.serving import make_server

from commentsite import create_app
from commentsite.db import db

from .databases import Databases, MariaDB, MySQLDatabases, SQLiteDatabases

SECRET = "a key for tests, and for tests alone"
CHROMIUM = "/usr/bin/chromium"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("commentsite")
    group.addoption("--database", choices=["both", "sqlite", "mysql"], default="both", help="the databases to test on")
    group.addoption("--mysql-url", help="a server to make databases on, instead of a private mariadbd")
    group.addoption("--require-lanes", action="store_true", help="fail where a lane cannot run, instead of skipping it")
    group.addoption("--kills", type=int, default=6, help="how often the lane `kills` kills an upgrade at random")
    group.addoption("--no-disks", action="store_true", help="leave out what wants a disk of its own, for want of one")
    group.addoption("--faults", choices=["short", "long"], default="short", help="how long the lane `faults` goes on")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--database")
        backends = ["sqlite", "mysql"] if chosen == "both" else [chosen]
        marker = metafunc.definition.get_closest_marker("only_on")
        if marker:
            backends = [backend for backend in backends if backend in marker.args]
        metafunc.parametrize("backend", backends, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is tested on the other kind of database alone, which is not a lane that is missing, and more."""
    chosen = config.getoption("--database")
    only_on = {item: marker.args for item in items if (marker := item.get_closest_marker("only_on"))}
    left_out = [item for item, backends in only_on.items() if chosen != "both" and chosen not in backends]
    if config.getoption("--no-disks"):
        left_out += [item for item in items if "disk" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that must leave no lane out if any test was skipped, whatever skipped it."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--require-lanes") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def lane_missing(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """A function that skips the test because a lane cannot run here, or fails it where lanes are required."""

    def missing(reason: str) -> None:
        (pytest.fail if request.config.getoption("--require-lanes") else pytest.skip)(reason)

    return missing


@pytest.fixture(scope="session", autouse=True)
def _own_environment() -> Iterator[None]:
    """Keep the settings of this machine out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLASK_SKIP_DOTENV", "1")
        for name in [name for name in os.environ if name.startswith(("COMMENTSITE_", "FLASK_APP"))]:
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def _push_request_context() -> None:
    """Stand in the way of pytest-flask's fixture of this name.

    It has one app context around each whole test, which all requests of the test then share with
    their database session: a view that forgets to commit would pass.
    """


@pytest.fixture(scope="session")
def mysql_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, lane_missing: Callable[[str], None]
) -> Iterator[URL]:
    """The address of a MySQL or MariaDB server where tests may make databases."""
    given = request.config.getoption("--mysql-url")
    if given:
        yield make_url(given).set(drivername="mysql+pymysql")
        return
    if not MariaDB.is_installed():
        lane_missing("no mariadbd here: install Debian's mariadb-server, or name a server with --mysql-url")
    server = MariaDB(tmp_path_factory.mktemp("my"), *MariaDB.NO_SYNC)
    server.start()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def databases(backend: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Makes fresh databases of the kind `backend`."""
    if backend == "sqlite":
        yield SQLiteDatabases(tmp_path_factory.mktemp("lite"), upgrade_to_head)
        return
    databases = MySQLDatabases(request.getfixturevalue("mysql_server"), upgrade_to_head)
    yield databases
    databases.close()


def upgrade_to_head(url: URL) -> None:
    app = create_app({"TESTING": True, "SECRET_KEY": SECRET, "DATABASE_URL": plain(url), "DATA_DIR": data_dir(url)})
    with app.app_context():
        upgrade()
        db.engine.dispose()


def plain(url: URL) -> str:
    """Return `url` as text, with its password."""
    return url.render_as_string(hide_password=False)


def data_dir(url: URL) -> str:
    return str(Path(url.database).parent) if url.get_backend_name() == "sqlite" and url.database else "/nonexistent"


@pytest.fixture
def empty_database(databases: Databases) -> Iterator[URL]:
    """The URL of a database without tables."""
    url = databases.empty()
    yield url
    databases.drop(url)


@pytest.fixture
def database(databases: Databases) -> Iterator[URL]:
    """The URL of a database at head, without comments."""
    url = databases.at_head()
    yield url
    databases.drop(url)


@pytest.fixture
def make_app() -> Iterator[Callable[..., Flask]]:
    """A function that makes an app on a database, with settings of its own; engines are closed afterwards."""
    made = []

    def make(url: URL, **settings: Any) -> Flask:
        app = create_app(
            {"TESTING": True, "SECRET_KEY": SECRET, "DATABASE_URL": plain(url), "DATA_DIR": data_dir(url), **settings}
        )
        made.append(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def app(database: URL, make_app: Callable[..., Flask]) -> Flask:
    return make_app(database)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    return app.test_cli_runner()


@pytest.fixture
def site_url(app: Flask) -> Iterator[str]:
    """The address of `app` served in a thread."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type_launch_args: dict[str, Any], lane_missing: Callable[[str], None]
) -> dict[str, Any]:
    """Have pytest-playwright start Debian's Chromium, which needs nothing downloaded."""
    if not shutil.which(CHROMIUM):
        lane_missing("no Chromium here: install Debian's chromium")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": [*quiet, "--disable-component-update"]}
