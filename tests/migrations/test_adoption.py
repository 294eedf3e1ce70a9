"""A database that the tutorial's own code made is taken over with every row as it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from flask import Flask
from sqlalchemy.engine import URL

from ..databases import Databases, MySQLDatabases, run_sql
from .helpers import (
    contents,
    db_command,
    make_tutorial_database,
    posted_values,
    schema,
    select,
    tutorial,
    version,
)

MakeApp = Callable[..., Flask]

ASCII: list[str | None] = [
    "first",
    None,
    "",
    "x" * 4096,
    "two\nlines\r\n\r\nand a paragraph",
    " blanks around ",
    "\\' \"",
]
LATIN1 = [*ASCII, "é" * 4096, "naïve café £5"]
UTF8MB3 = [*LATIN1, "語" * 4096, "Ω≈ç√"]
UTF8MB4 = [*UTF8MB3, "🎈" * 4096, "👩‍👩‍👧 \u202eabc"]
HELD = {"latin1": LATIN1, "utf8mb3": UTF8MB3, "utf8mb4": UTF8MB4}


def adopt(app: Flask, *arguments: str) -> None:
    """Type what the README says."""
    db_command(app, "stamp", "0001")
    db_command(app, "upgrade", *arguments)


@pytest.fixture(params=list(HELD))
def charset(request: pytest.FixtureRequest) -> str:
    """The character set of the database; on SQLite, which has one only, conftest.py leaves out the others."""
    return str(request.param)


@pytest.fixture
def old_database(databases: Databases, charset: str) -> URL:
    """A database that the tutorial's code made and filled, with all that its character set can hold."""
    url = databases.empty(charset) if isinstance(databases, MySQLDatabases) else databases.empty()
    make_tutorial_database(url, HELD[charset])
    return url


def test_adoption_keeps_every_content(old_database: URL, charset: str, make_app: MakeApp) -> None:
    before = contents(old_database)
    adopt(make_app(old_database))
    assert contents(old_database) == before == list(enumerate(HELD[charset], 1))


def test_adoption_leaves_a_schema_without_differences(old_database: URL, make_app: MakeApp) -> None:
    app = make_app(old_database)
    adopt(app)
    db_command(app, "check")


def test_adoption_ends_in_the_schema_of_a_fresh_database(old_database: URL, database: URL, make_app: MakeApp) -> None:
    adopt(make_app(old_database))
    assert schema(old_database) == schema(database)


def test_adoption_makes_room_for_every_character(old_database: URL, make_app: MakeApp) -> None:
    app = make_app(old_database)
    adopt(app)
    app.test_client().post("/", data={"content": "🎈" * 4096})
    assert contents(old_database)[-1][1] == "🎈" * 4096


def test_adoption_gives_all_one_time_near_now(old_database: URL, make_app: MakeApp) -> None:
    adopt(make_app(old_database))
    (posted,) = posted_values(old_database)
    assert posted is not None
    assert abs(datetime.now(timezone.utc) - posted.replace(tzinfo=timezone.utc)) < timedelta(minutes=1)


def test_adoption_takes_the_time_it_is_told(old_database: URL, make_app: MakeApp) -> None:
    adopt(make_app(old_database), "-x", "posted=2017-07-07T18:47+02:00")
    assert posted_values(old_database) == [datetime(2017, 7, 7, 16, 47)]  # noqa: DTZ001 - as the database keeps it


WRONG = ["posted=2017-07-07T18:47", "posted=yesterday", "posted=", "posted=0001-01-01T00:00+09:00", "postd=2017-07-07"]


@pytest.mark.parametrize("argument", WRONG)
def test_adoption_refuses_a_time_it_cannot_place(
    argument: str, empty_database: URL, make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    make_tutorial_database(empty_database, ["first"])
    app = make_app(empty_database)
    db_command(app, "stamp", "0001")
    before = schema(empty_database)
    db_command(app, "upgrade", "-x", argument, status=1)
    assert f"-x {argument} " in caplog.text
    assert (version(empty_database), schema(empty_database)) == ("0001", before)


def test_adoption_shows_every_comment(empty_database: URL, make_app: MakeApp) -> None:
    make_tutorial_database(empty_database, [*UTF8MB4, *(f"comment {n}" for n in range(120))])
    app = make_app(empty_database)
    adopt(app)
    assert shown_ids(app) == list(range(len(UTF8MB4) + 120, 0, -1))


def shown_ids(app: Flask) -> list[int]:
    """Return the ids of all comments in the order in which a reader who goes from page to page meets them."""
    client = app.test_client()
    address: str | None = "/"
    found: list[int] = []
    while address:
        page = client.get(address).text
        found += [int(number) for number in re.findall(r'<article id="comment-(\d+)"', page)]
        link = re.search(r'<link rel="next" href="([^"]+)"', page)
        address = link[1].replace("&amp;", "&") if link else None
    return found


def test_adoption_shows_text_as_it_was(old_database: URL, charset: str, make_app: MakeApp) -> None:
    app = make_app(old_database)
    adopt(app)
    longest = HELD[charset][-2]
    assert longest is not None
    assert longest in app.test_client().get("/").text


def test_forgotten_stamp_does_no_harm(old_database: URL, make_app: MakeApp) -> None:
    before = contents(old_database)
    db_command(make_app(old_database), "upgrade")
    assert contents(old_database) == before


def test_first_migration_makes_the_tutorials_table(
    empty_database: URL, databases: Databases, make_app: MakeApp
) -> None:
    tutorials = databases.empty()
    make_tutorial_database(tutorials, [])
    db_command(make_app(empty_database), "upgrade", "0001")
    assert schema(tutorials)[0] in schema(empty_database)


@pytest.mark.parametrize(
    "table",
    [
        "CREATE TABLE comments (id INTEGER PRIMARY KEY, body VARCHAR(20))",
        "CREATE TABLE comments (id INTEGER PRIMARY KEY, content VARCHAR(20), author VARCHAR(20))",
        "CREATE TABLE comments (id VARCHAR(20) PRIMARY KEY, content VARCHAR(20))",
    ],
)
def test_foreign_table_is_refused_and_left_alone(
    table: str, empty_database: URL, make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    run_sql(empty_database, table)
    before = [each for each in schema(empty_database) if "comments" in each]
    db_command(make_app(empty_database), "upgrade", status=1)
    assert "not the tutorial's" in caplog.text
    assert [each for each in schema(empty_database) if "comments" in each] == before


# The database of the tutorial's second half: its own migration added `posted`, which old comments lack.

SECOND_HALF_POSTED = datetime(2016, 5, 4, 3, 2, 1)  # noqa: DTZ001 - as the tutorial's code stores it


@pytest.fixture
def second_half(empty_database: URL) -> URL:
    with tutorial(empty_database, with_posted=True) as (db, comment):
        db.create_all()
        for n in range(3):
            db.session.add(comment(content=f"old {n}"))
            db.session.flush()
        db.session.add(comment(content="new", posted=SECOND_HALF_POSTED))
        db.session.add(comment(content="newest", posted=SECOND_HALF_POSTED + timedelta(days=1)))
        db.session.commit()
    run_sql(
        empty_database,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('f8a07dc6e96b')",
    )
    return empty_database


def test_second_half_keeps_its_times(second_half: URL, make_app: MakeApp) -> None:
    app = make_app(second_half)
    db_command(app, "stamp", "--purge", "0001")
    db_command(app, "upgrade")
    kept = select(second_half, "SELECT id FROM comments WHERE posted LIKE '2016-05-0%' ORDER BY posted, id")
    assert kept == [(1,), (2,), (3,), (4,), (5,)]
    assert set(posted_values(second_half)) == {SECOND_HALF_POSTED, SECOND_HALF_POSTED + timedelta(days=1)}


@pytest.mark.only_on("sqlite")
def test_times_that_other_programs_wrote_are_written_alike(second_half: URL, make_app: MakeApp) -> None:
    """SQLite compares them as text: a page would begin with its own last comment for ever."""
    forms = ["2016-05-04 03:02:01", "2016-05-04T03:02:01", "2016-05-04 03:02:01.5", "no time", "2016-05-04"]
    for number, form in enumerate(forms, 1):
        run_sql(second_half, f"UPDATE comments SET posted = '{form}' WHERE id = {number}")
    app = make_app(second_half)
    db_command(app, "stamp", "--purge", "0001")
    db_command(app, "upgrade")
    kept = [posted for (posted,) in select(second_half, "SELECT posted FROM comments ORDER BY id")]
    whole, half, midnight = ("2016-05-04 03:02:01.000000", "2016-05-04 03:02:01.500000", "2016-05-04 00:00:00.000000")
    assert kept == [whole, whole, half, midnight, midnight]


def test_second_half_ends_in_the_right_schema(second_half: URL, database: URL, make_app: MakeApp) -> None:
    app = make_app(second_half)
    db_command(app, "stamp", "--purge", "0001")
    db_command(app, "upgrade")
    assert schema(second_half) == schema(database)


def test_second_half_unstamped_is_refused_and_left_alone(
    second_half: URL, make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    before = schema(second_half)
    db_command(make_app(second_half), "upgrade", status=1)
    assert "f8a07dc6e96b" in caplog.text
    assert (schema(second_half), version(second_half)) == (before, "f8a07dc6e96b")
