"""The release before this one works on this one's schema: expand, then contract (CONTRIBUTING.md).

While there is no release before this one, its test is left out and the summary says so. That it would find what it
is for is shown by a release that is made up of this checkout, before migrations that are planted.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from commentsite.config import CHECKOUT_DIR

from ..conftest import plain
from .conftest import REVISION
from .helpers import HEAD, NEXT
from .releases import check_out, git, previous_release, run_suite

assert CHECKOUT_DIR
CHECKOUT: Path = CHECKOUT_DIR

# A file of the suite that posts and reads, and takes little time; and one that is about its own schema, to be left out.
SOME = ("tests/comments/test_order.py", "tests/transfer/test_backup.py")

EXPANDS = """\
op.add_column("comments", sa.Column("place", sa.String(20), nullable=True))
    op.create_table("places", sa.Column("id", sa.Integer, primary_key=True))"""
CONTRACTS = """\
with op.batch_alter_table("comments") as batch_op:
        batch_op.alter_column("website", new_column_name="site", existing_type=sa.String(500))"""


@pytest.fixture
def options(backend: str, request: pytest.FixtureRequest) -> list[str]:
    """The options that have another suite test on the same kind of database, on the same server."""
    if backend == "sqlite":
        return ["--database", "sqlite"]
    return ["--database", "mysql", "--mysql-url", plain(request.getfixturevalue("mysql_server"))]


@pytest.mark.previous_release
def test_previous_release_works_on_this_schema(options: list[str], tmp_path: Path) -> None:
    tag = previous_release(CHECKOUT)
    assert tag
    release = check_out(CHECKOUT, tag, tmp_path / "release")
    status, said = run_suite(release, CHECKOUT, tmp_path / "plugin", *options)
    assert status == 0, said


# The same with a release that is made up.


def copy_checkout(folder: Path, lane_missing: Callable[[str], None]) -> Path:
    """Copy what is, or is to be, in the repository."""
    names = git(CHECKOUT, "ls-files", "--cached", "--others", "--exclude-standard").decode().splitlines()
    if not names:
        lane_missing("no git repository here to make a release of")
    for name in names:
        if (CHECKOUT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, folder / name)
    return folder


def commit(repository: Path, *tags: str) -> None:
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "planted")
    for tag in tags:
        git(repository, "tag", tag)


@pytest.fixture
def repository(tmp_path: Path, lane_missing: Callable[[str], None]) -> Path:
    """A repository with this checkout as its release v0.0.9, and nothing since."""
    folder = copy_checkout(tmp_path / "repository", lane_missing)
    git(folder, "init", "-q")
    commit(folder, "v0.0.9")
    return folder


def plant(repository: Path, upgrade: str) -> None:
    """Commit a migration after the release."""
    text = REVISION.format(number=int(NEXT), before=int(HEAD), upgrade=upgrade, downgrade="pass")
    (repository / "migrations" / "versions" / f"{NEXT}_planted.py").write_text(text)
    commit(repository)


@pytest.fixture
def run_previous(repository: Path, options: list[str], tmp_path: Path) -> Callable[[], tuple[int, str]]:
    """A function that runs some of the suite of the release before what the repository has now."""

    def run() -> tuple[int, str]:
        tag = previous_release(repository)
        assert tag == "v0.0.9"
        release = check_out(repository, tag, tmp_path / "release")
        return run_suite(release, repository, tmp_path / "plugin", *options, *SOME)

    return run


def test_release_works_after_a_migration_that_adds(
    repository: Path, run_previous: Callable[[], tuple[int, str]]
) -> None:
    plant(repository, EXPANDS)
    status, said = run_previous()
    assert status == 0, said
    assert " passed" in said
    assert "skipped" not in said


def test_release_fails_after_a_migration_that_takes_away(
    repository: Path, run_previous: Callable[[], tuple[int, str]]
) -> None:
    plant(repository, CONTRACTS)
    status, said = run_previous()
    assert status == 1
    assert "503" in said
    assert "upgrade_by_newer" not in said  # it is the program that fails, not the migration


def test_previous_release_is_the_newest_that_is_not_this_one(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    for n, tag in enumerate(["v0.9.0", "v0.10.0", "v0.10.1rc1", "other", "v1.1.0", "v1.0.0"]):
        (tmp_path / "pyproject.toml").write_text(f'version = "1.0.0"\n# {n}\n')
        commit(tmp_path, tag)
    assert previous_release(tmp_path) == "v0.10.0"
    (tmp_path / "pyproject.toml").write_text('version = "1.0.0"\n# later\n')
    commit(tmp_path)
    assert previous_release(tmp_path) == "v1.0.0"


def test_without_a_repository_there_is_no_previous_release(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('version = "1.0.0"\n')
    assert previous_release(tmp_path) is None
