"""What the doctor finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.engine import URL

from commentsite.db import db
from commentsite.doctor import app_findings
from commentsite.findings import Finding

# The servers of these tests are not made to outlive a power cut, and their folders may be in memory.
CARELESS = {"innodb_flush_log_at_trx_commit", "innodb_flush_method", "disk"}


def findings(app: Flask) -> dict[str, Finding]:
    with app.app_context():
        return {finding.name: finding for finding in app_findings()}


def test_nothing_is_wrong_with_a_new_site(app: Flask) -> None:
    assert {name for name, finding in findings(app).items() if not finding.is_right} <= CARELESS


def test_every_wrong_finding_has_a_remedy(empty_database: URL, make_app: Callable[..., Flask]) -> None:
    found = findings(make_app(empty_database, SECRET_KEY="changeme-changeme"))
    wrong = {name for name, finding in found.items() if not finding.is_right}
    assert wrong - CARELESS == {"secret key", "schema"}
    assert all(found[name].remedy for name in wrong)


@pytest.mark.parametrize("secret", ["aaaaaaaaaaaaaaaaaaaa", "my-Secret-is-this-one", "abcabcabcabcabcabc"])
def test_guessable_secret_is_found(database: URL, make_app: Callable[..., Flask], secret: str) -> None:
    assert not findings(make_app(database, SECRET_KEY=secret))["secret key"].is_right


@pytest.mark.only_on("sqlite")
def test_secret_that_others_can_read_is_found(database: URL, make_app: Callable[..., Flask], tmp_path: Path) -> None:
    app = make_app(database, DATA_DIR=str(tmp_path), SECRET_KEY=None)
    assert findings(app)["secret key"].is_right
    (tmp_path / "secret_key").chmod(0o644)
    assert "chmod 600" in findings(app)["secret key"].remedy


@pytest.mark.only_on("mysql")
def test_table_of_another_character_set_is_found(app: Flask) -> None:
    with app.app_context():
        db.session.execute(text("ALTER TABLE comments CONVERT TO CHARACTER SET latin1"))
    assert "utf8mb4" in findings(app)["table comments"].remedy


def test_database_that_does_not_answer_is_found(make_app: Callable[..., Flask], tmp_path: Path) -> None:
    url = URL.create("mysql+pymysql", "u", "hunter2", "127.0.0.1", 1, "d")
    found = findings(make_app(url))["database"]
    assert not found.is_right
    assert "hunter2" not in found.detail + found.remedy


def test_sqlite_file_that_cannot_be_opened_is_found(make_app: Callable[..., Flask], tmp_path: Path) -> None:
    (tmp_path / "comments.db").mkdir()
    app = make_app(URL.create("sqlite", database=str(tmp_path / "comments.db")))
    assert not findings(app)["database"].is_right
