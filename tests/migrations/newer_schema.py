"""A pytest plugin for the suite of an older release: its databases get the schema of a newer checkout.

The release's own program runs, with its own migrations and tests; only what its tests/conftest.py calls
`upgrade_to_head` is done by the program in the folder that NEWER_CHECKOUT names. Tests that need no database are
left out, and those that are about the schema by itself.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

# They are about the one schema that their own release ends in. The front keeps pages at that schema alone, and a
# program backs up, restores and upgrades no newer one.
OF_ONE_SCHEMA = (
    "tests/migrations/",
    "tests/docs/",
    "tests/transfer/test_backup.py",
    "tests/transfer/test_restore.py",
    "tests/transfer/test_restore_kills.py",
    "tests/transfer/test_rowhash.py",
    "tests/transfer/test_upgrades.py",
    "tests/transfer/test_upgrade_turns.py",
    "tests/transfer/test_records.py",
    "tests/test_schema.py",
    "tests/test_front.py",
    "tests/test_benchmarks.py",
)
# They take a table away, which a program that knows the schema first meets in its query.
OF_A_BROKEN_DATABASE = (
    "test_email_is_not_in_the_log_of_a_broken_database",
    "test_broken_statement_does_not_bring_the_text_into_the_log",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if not _meets_a_database(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _meets_a_database(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    is_of_one = item.nodeid.startswith(OF_ONE_SCHEMA) or item.name.startswith(OF_A_BROKEN_DATABASE)
    return "database" in fixtures and not is_of_one


def pytest_collection_finish() -> None:
    program, conftest = importlib.import_module("commentsite"), importlib.import_module("tests.conftest")
    assert Path(str(program.__file__)).is_relative_to(Path.cwd()), "the release's own program is to run"
    assert callable(conftest.upgrade_to_head)
    conftest.upgrade_to_head = upgrade_by_newer  # type: ignore[attr-defined]


def upgrade_by_newer(url: URL) -> None:
    """Make the schema by the newer checkout, in a process of its own."""
    checkout = os.environ["NEWER_CHECKOUT"]
    settings = {
        "PYTHONPATH": checkout,
        "COMMENTSITE_DATABASE_URL": url.render_as_string(hide_password=False),
        "COMMENTSITE_SECRET_KEY": "a key for tests, and for tests alone",
        "COMMENTSITE_DATA_DIR": tempfile.gettempdir(),
    }
    command = [sys.executable, "-m", "flask", "--app", "commentsite", "db", "upgrade"]
    done = subprocess.run(
        command, cwd=checkout, env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
