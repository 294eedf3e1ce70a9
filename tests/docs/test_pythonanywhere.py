"""docs/pythonanywhere.md, followed from its first line to its last on a host laid out like that one."""

from __future__ import annotations

import re
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.databases import MariaDB
from tests.servers.clients import Answer, ask, post, post_body, texts
from tests.servers.processes import Server

from . import reading
from .host import Host, running_mysql, wrong_lines

pytestmark = pytest.mark.docs

DOCUMENT = "docs/pythonanywhere.md"
THEIR_STEP = """
from alembic import op
import sqlalchemy as sa

revision = "0018"
down_revision = "0017"


def upgrade():
    op.create_table("theirs", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade():
    op.drop_table("theirs")
"""
TUTORIAL_TEXTS = ["café", "This comment has no text.", "from the tutorial"]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory, lane_missing: Callable[[str], None]) -> Iterator[Host]:
    """An account with an empty home, and a database that the tutorial's code made."""
    if not MariaDB.is_installed():
        lane_missing("no mariadbd here: install Debian's mariadb-server")
    with running_mysql(tmp_path_factory.mktemp("my")) as server:
        host = Host(tmp_path_factory.mktemp("host"), server)
        host.make_origin()
        yield host


@pytest.fixture(scope="module")
def installed(account: Host) -> Host:
    """The account after steps 1 to 4."""
    account.run(DOCUMENT, "1. Fetch the program")
    account.run(DOCUMENT, "2. Make a virtualenv")
    account.write(reading.under(DOCUMENT, "4. Write the settings", "ini")[0])
    account.run(DOCUMENT, "4. Write the settings")
    return account


@pytest.fixture(scope="module")
def upgraded(installed: Host) -> Host:
    """The account after steps 5 and 6."""
    installed.run(DOCUMENT, "5. Take in the tutorial's comments")
    installed.run(DOCUMENT, "6. Bring the tables up to date")
    return installed


@pytest.fixture(scope="module")
def site(upgraded: Host) -> Iterator[Server]:
    """The site that step 7 starts."""
    wsgi_file = upgraded.write(reading.under(DOCUMENT, "7. Tell the Web tab", "python")[0])
    with upgraded.serve(wsgi_file, upgraded.fields(DOCUMENT, "7. Tell the Web tab")) as server:
        yield server
        assert "Traceback" not in server.log


@pytest.fixture(scope="module")
def next_version(upgraded: Host, site: Server) -> Answer:
    """The page after step 8, with a version that says so in its layout."""
    mark_version(upgraded, "the next version")
    upgraded.commit("The next version")
    upgraded.run(DOCUMENT, "8. Bring in a new version")
    return page_with(site, "the next version")


@pytest.fixture(scope="module")
def migration(upgraded: Host, site: Server, next_version: Answer) -> str:
    """The text of the migration that adds the column; the site has the column."""
    return add_column(upgraded, site)


@pytest.fixture(scope="module")
def placed(migration: str, site: Server) -> list[str]:
    """The places that the page shows after two comments, one of them with a place."""
    post_body(site.port, b"content=mine&name=Bob&place=++M%C3%BCnchen++%3Cb%3E+%F0%9F%8E%88")
    post_body(site.port, b"content=from+nowhere&place=+")
    return places_on(ask(site.port, "GET", "/"))


@pytest.fixture(scope="module")
def gone_back(upgraded: Host, site: Server, placed: list[str]) -> Answer:
    """The page after the column was taken back."""
    upgraded.run(DOCUMENT, "Go back")
    return page_with(site, 'name="place"', without=True)


@pytest.fixture(scope="module")
def kept(upgraded: Host, site: Server, gone_back: Answer) -> list[str]:
    """The places on the page after a version with a step of the same number as the column's."""
    add_column(upgraded, site)
    post_body(site.port, b"content=kept&place=Bern")
    commit, pull, renumber = (block.text for block in reading.under(DOCUMENT, "Keep it", "bash"))
    upgraded.type(commit)
    (upgraded.origin / "migrations/versions/0018_theirs.py").write_text(THEIR_STEP)
    mark_version(upgraded, "the version after it")
    upgraded.commit("The version after the next")
    upgraded.type(pull)
    upgraded.type(renumber)
    return places_on(page_with(site, "the version after it"))


def mark_version(host: Host, mark: str) -> None:
    """Have the pages of the program that is to be fetched say which version they are of."""
    layout = host.origin / "commentsite/templates/layout.html"
    layout.write_text(layout.read_text().replace("<html", f"<!-- {mark} --><html"))


def add_column(host: Host, site: Server) -> str:
    """Do what the second half says and return the migration's text."""
    for change in reading.under(DOCUMENT, "The table, the form, the page", "diff"):
        host.edit(change)
    host.run(DOCUMENT, "Make the migration")
    text = Path(host.local(reading.under(DOCUMENT, "Read it", "python")[0].file)).read_text()
    host.run(DOCUMENT, "Run it")
    page_with(site, 'name="place"')
    return text


def page_with(site: Server, mark: str, *, without: bool = False) -> Answer:
    """Return the page once it has `mark`, or no longer has it: a reload takes a moment."""
    give_up = time.monotonic() + 20
    while True:
        answer = ask(site.port, "GET", "/")
        if answer.status == 200 and (mark in answer.body) != without:
            return answer
        if time.monotonic() > give_up:
            raise TimeoutError(f"{mark} {'still' if without else 'not'} in the page:\n{answer.body}")
        time.sleep(0.2)


def places_on(page: Answer) -> list[str]:
    """Return the places that stand beside names."""
    return re.findall(" from <bdi>([^<]*)</bdi>", page.body)


def test_settings_are_right_and_private(installed: Host) -> None:
    file = installed.checkout / ".env"
    assert "All settings are right." in installed.printed["4. Write the settings"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_doctor_finds_all_well(upgraded: Host) -> None:
    assert "schema: is at head" in upgraded.printed["6. Bring the tables up to date"]
    assert wrong_lines(upgraded.printed["6. Bring the tables up to date"]) == []


def test_new_database_needs_no_stamp(installed: Host) -> None:
    settings = {"COMMENTSITE_MYSQL_DATABASE": "alice$empty"}
    installed.run(DOCUMENT, "Another time for the old comments", **settings)
    assert "schema: is at head" in installed.type("commentsite doctor", **settings)


def test_comments_of_the_tutorial_are_shown(site: Server) -> None:
    assert texts(site.port)[-3:] == TUTORIAL_TEXTS


def test_post_is_stored(site: Server) -> None:
    assert post(site.port, "from the Web tab 🎈").status == 303
    assert "from the Web tab 🎈" in texts(site.port)


def test_static_files_do_not_pass_through_the_program(site: Server) -> None:
    answer = ask(site.port, "GET", "/static/site.css")
    assert (answer.status, answer.headers["Content-Security-Policy"]) == (200, None)
    assert answer.body == (reading.ROOT / "commentsite/static/site.css").read_text()


def test_next_version_keeps_the_comments(next_version: Answer, site: Server) -> None:
    assert texts(site.port)[-3:] == TUTORIAL_TEXTS


def test_backup_before_the_next_version_has_the_comments(next_version: Answer, upgraded: Host) -> None:
    assert "from the tutorial" in (upgraded.home / "comments-backup.sql").read_text()


def test_migration_is_what_the_document_shows(migration: str) -> None:
    shown = reading.under(DOCUMENT, "Read it", "python")[0].text
    assert without_date(migration) == without_date(shown)


def without_date(text: str) -> str:
    return re.sub("(?m)^Create Date: .*$", "Create Date:", text)


def test_page_shows_the_place(placed: list[str]) -> None:
    assert placed == ["München &lt;b&gt; 🎈"]


def test_place_that_is_too_long_is_given_back(placed: list[str], site: Server) -> None:
    answer = post_body(site.port, b"content=from+far+away&place=" + b"x" * 81)
    assert answer.status == 422
    assert "A place has room for 80 characters." in answer.body
    assert "x" * 81 in answer.body


def test_going_back_leaves_the_comments(gone_back: Answer, site: Server, upgraded: Host) -> None:
    assert texts(site.port)[:2] == ["from nowhere", "mine"]
    assert upgraded.type("cd ~/commentsite && git status --short") == ""


def test_places_are_kept_when_the_next_version_has_the_same_number(kept: list[str], upgraded: Host) -> None:
    assert kept == ["Bern"]
    assert "schema: is at head" in upgraded.type("commentsite doctor")
