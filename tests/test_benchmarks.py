"""The benchmark: its figures are worked out rightly, its databases are as the site would leave them, and it runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from benchmarks import load
from benchmarks.data import PROSE_COMMENTS, DataSet, fill, prose, thread_path
from benchmarks.load import Answer, Clients, Posts, Target, rate
from benchmarks.runs import COMMENT_ID, target
from benchmarks.servers import ROOT, Servers
from benchmarks.tables import Row, Table, at_least, at_most
from commentsite.comments.policy import path_below
from tests.databases import Databases, MariaDB, open_engine

SIZE = 60


def test_ratio_is_of_the_same_round() -> None:
    row = Row("page", [10.0, 40.0, 30.0], [10.0, 20.0, 60.0], at_least(1))
    assert row.ratios == [1.0, 2.0, 0.5]
    assert row.cells() == ("page", "30", "20", "1.00", "0.50 to 2.00", ">= 1", "yes")


@pytest.mark.parametrize(("value", "is_met"), [(2.0, True), (2.1, False)])
def test_goal_without_anything_beside_is_of_the_value(value: float, is_met: bool) -> None:
    assert Row("requests", [value], goal=at_most(2)).is_met is is_met


def test_table_names_what_was_wrong() -> None:
    assert "**Wrong:** 3 lost" in Table("posts", [Row("posts", [1.0])], ["3 lost"]).markdown()


def test_prose_is_as_long_as_comments_are() -> None:
    assert len(set(prose())) == PROSE_COMMENTS
    assert 280 < sum(map(len, prose())) / PROSE_COMMENTS < 320


@pytest.fixture
def data(databases: Databases) -> Iterator[DataSet]:
    """A filled database of the benchmark."""
    url = databases.empty()
    yield fill(url, SIZE)
    databases.drop(url)


def select(url: URL, statement: str) -> list[Any]:
    engine = open_engine(url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(statement))]
    engine.dispose()
    return found


@pytest.mark.parametrize("shape", ["chain", "fan"])
def test_filled_replies_have_the_paths_that_posts_get(shape: str, data: DataSet) -> None:
    first = data.first_id(shape)
    found = select(data.url, f"SELECT id, parent_id, path FROM comments WHERE root_id = {first} ORDER BY id")
    paths: dict[int, str | None] = {first: None}
    for comment_id, parent_id, path in found:
        paths[comment_id] = path_below(paths[parent_id], comment_id)
        assert path == paths[comment_id]
    assert len(found) == SIZE - 1


def test_filled_counts_are_true(data: DataSet) -> None:
    counted = "SELECT COUNT(*), MAX(posted) FROM comments WHERE thread_id = threads.id"
    wrong = select(data.url, f"SELECT id FROM threads WHERE (comment_count, latest) <> ({counted})")
    replies = "SELECT COUNT(*) FROM comments AS reply WHERE reply.root_id = comments.id"
    assert wrong == select(data.url, f"SELECT id FROM comments WHERE reply_count <> ({replies})") == []


@pytest.mark.parametrize("shape", ["flat", "chain", "fan"])
def test_filled_threads_are_shown(shape: str, data: DataSet, make_app: Callable[..., Any]) -> None:
    page = make_app(data.url).test_client().get(thread_path(shape))
    assert len(COMMENT_ID.findall(page.data)) >= 50


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    clients = Clients()
    yield clients
    clients.close()


@pytest.mark.servers
def test_rate_without_wrk_counts_right_answers(
    clients: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "has_wrk", lambda: False)
    with Servers(tmp_path) as servers:
        server = servers.app("serve", "hello").wait()
        right = target(server, "/")
        assert rate(right, 0.3, clients) > 0
        wrong = Target(server.port, "/", {}, Answer(200, "", b"other", 5))
        with pytest.raises(AssertionError):
            rate(wrong, 0.3, clients)


@pytest.mark.servers
def test_refused_posts_are_failures(clients: Clients, tmp_path: Path) -> None:
    with Servers(tmp_path) as servers:
        server = servers.app("serve", "hello").wait()
        tally = clients.run(Target(server.port, "/"), 0.3, Posts(1, "content", ("Hello",)))
    assert tally.acknowledged == []
    assert set(tally.failures) == {"POST 405"}


@pytest.mark.servers
def test_quick_run_is_right(
    request: pytest.FixtureRequest, tmp_path: Path, lane_missing: Callable[[str], None]
) -> None:
    database = request.config.getoption("--database")
    if database != "sqlite" and not MariaDB.is_installed():
        lane_missing("no mariadbd here: install Debian's mariadb-server")
    output = tmp_path / "tables.md"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--database", database, "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Posts by 8 clients, gunicorn" in output.read_text(encoding="utf-8")
    assert "Wrong" not in done.stdout
