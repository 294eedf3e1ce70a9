"""The hash of all rows: the same on both databases for the same rows, another for any other row."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from commentsite.transfer import queries, rowhash
from tests.conftest import upgrade_to_head
from tests.databases import SQLiteDatabases
from tests.factories import make_comment
from tests.transfer.copies import execute, hashes
from tests.transfer.test_round_trip import talk

ODD = """
CREATE TABLE oddities (word VARCHAR(20) PRIMARY KEY, amount DECIMAL(10, 2), share DOUBLE, seen DATETIME, raw BLOB,
day DATE, is_it BOOLEAN)
"""


@pytest.fixture
def lite(tmp_path: Path, make_app: Callable[..., Flask]) -> Flask:
    """A site on SQLite, beside the one of the test."""
    (tmp_path / "lite").mkdir()
    return make_app(SQLiteDatabases(tmp_path / "lite", upgrade_to_head).at_head())


def test_hash_is_the_one_that_the_document_tells_how_to_make(app: Flask) -> None:
    with app.app_context():
        make_comment('Grüße "🐍"\n')
    names = '["content","id","name","posted"]\n'
    row = '["Grüße \\"🐍\\"\\n",1,null,"2017-07-07 18:47:00.000000"]\n'
    with app.app_context(), queries.snapshot() as connection:
        found = rowhash.hashes(connection, {"comments": ["id", "content", "posted", "name"]})
    assert found["comments"] == rowhash.TableHash(1, hashlib.sha256((names + row).encode()).hexdigest())


def test_hash_is_the_same_on_both_databases(app: Flask, lite: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    for site in (app, lite):
        with site.app_context():
            talk(3, monkeypatch)
    assert hashes(app, {}) == hashes(lite, {})
    assert hashes(app, {})["comments"].rows > 20


def test_hash_of_tables_without_a_number_as_key_is_the_same_in_any_order(app: Flask, lite: Flask) -> None:
    rows = ["('b ', 1.50, 1.0, '2017-07-07 18:47:00', x'00FF', '2017-07-07', 1)", "('Ä', -2, 0.1, NULL, NULL, NULL, 0)"]
    for site, order in ((app, rows), (lite, reversed(rows))):
        execute(site, ODD, *(f"INSERT INTO oddities VALUES {row}" for row in order))
    assert hashes(app)["oddities"] == hashes(lite)["oddities"]


@pytest.mark.parametrize(
    "change",
    [
        "content = ''",
        "content = 'hello'",
        "content = 'Hello '",
        "name = ''",
        "posted = '2017-07-07 18:47:00.000001'",
        "reply_count = 1",
        "id = 2",
    ],
)
def test_hash_of_other_rows_is_another(app: Flask, change: str) -> None:
    with app.app_context():
        make_comment()
    before = hashes(app)
    execute(app, f"UPDATE comments SET {change}")
    assert hashes(app)["comments"] != before["comments"]


def test_hash_in_batches_is_that_of_all(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        talk(5, monkeypatch)
    whole = hashes(app)
    monkeypatch.setattr(rowhash, "BATCH_ROWS", 2)
    assert hashes(app) == whole


def test_total_names_tables(app: Flask) -> None:
    of = rowhash.TableHash(0, "0")
    assert rowhash.total({"a": of}) != rowhash.total({"b": of})
