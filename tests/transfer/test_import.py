"""What comes in: each comment once, at its place, and nothing that was here is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.engine import URL

from commentsite.comments import operations
from commentsite.comments.forms import CommentDraft, EditDraft
from commentsite.comments.models import Comment, CommentVersion
from commentsite.db import db
from commentsite.transfer import commands, queries
from commentsite.transfer import operations as transfer
from commentsite.transfer.format import Thread, Version
from commentsite.transfer.policy import MAX_KEPT_ID
from tests.factories import MOMENT, make_comment, make_comments, the_comment, the_thread
from tests.transfer.files import HELLO, ROOT, body, comment, import_records, reply, run, whole

EVER = 10**8
MARKED = replace(HELLO, mark="0123456789abcdef")


def texts(app: Flask) -> list[tuple[int, str | None]]:
    """Return the id and the text of each comment of the site."""
    with app.app_context():
        rows = db.session.execute(select(Comment.id, Comment.content).order_by(Comment.id))
        return [(row.id, row.content) for row in rows]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.jsonl"


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "BATCH_ROWS", 2)


def test_import_keeps_ids_where_the_site_is_empty(app: Flask, path: Path) -> None:
    assert "3 comments were imported" in import_records(app, path, ROOT, comment(4), reply(9, 4), comment(7))
    assert texts(app) == [(4, "comment 4"), (7, "comment 7"), (9, "comment 9")]


@pytest.mark.usefixtures("small_batches")
def test_import_counts_and_places_what_it_stores(app: Flask, path: Path) -> None:
    import_records(app, path, ROOT, comment(1), reply(2, 1), reply(3, 2), comment(4), reply(5, 3))
    with app.app_context():
        root, last, thread = the_comment(1), the_comment(5), the_thread()
        assert (root.reply_count, root.root_id, root.path) == (3, None, None)
        assert (last.root_id, last.parent_id, last.path) == (1, 3, "000000200000030000005")
        assert (thread.comment_count, thread.latest) == (5, MOMENT + timedelta(seconds=5))


def test_import_renders_as_a_post_does(app: Flask, path: Path) -> None:
    import_records(app, path, ROOT, comment(1, "*Hi* <b>\x1f\x00", name="Ann"))
    with app.app_context():
        stored = the_comment(1)
        assert stored.content == "*Hi* <b>\x1f\x00"
        assert stored.content_html == '<p dir="auto"><em>Hi</em> &lt;b&gt;</p>'
        assert "Ann" in (stored.head_html or "")
        assert stored.renderer
        assert stored.look


def test_import_twice_adds_nothing(app: Flask, path: Path) -> None:
    records = ROOT, comment(1), reply(2, 1), comment(3, "same"), replace(HELLO, id=4), replace(HELLO, id=5)
    import_records(app, path, *records)
    with app.app_context():
        version = the_thread().version
    assert "0 comments were imported, 5 were here already" in import_records(app, path, *records)
    with app.app_context():
        assert (len(texts(app)), the_thread().version, the_thread().comment_count) == (5, version, 5)


def test_import_beside_others_loses_nothing(app: Flask, path: Path) -> None:
    with app.app_context():
        make_comments(3)
    records = ROOT, comment(2, "theirs"), reply(3, 2), comment(8, "far")
    import_records(app, path, *records)
    ours = [(1, "comment 1"), (2, "comment 2"), (3, "comment 3")]
    assert texts(app) == [*ours, (8, "far"), (9, "theirs"), (10, "comment 3")]
    with app.app_context():
        assert (the_comment(10).parent_id, the_comment(9).reply_count) == (9, 1)
    assert "0 comments were imported" in import_records(app, path, *records)


def test_import_gives_a_reply_a_higher_id_than_its_parent(app: Flask, path: Path) -> None:
    with app.app_context():
        make_comments(2)
    import_records(app, path, ROOT, comment(1, "theirs"), reply(5, 1))
    with app.app_context():
        assert [(each, the_comment(each).parent_id) for each in (6, 7)] == [(6, None), (7, 6)]


def test_import_never_uses_up_the_ids(app: Flask, path: Path) -> None:
    import_records(app, path, ROOT, replace(HELLO, id=2**63 - 1), replace(HELLO, id=MAX_KEPT_ID + 1))
    assert [number for number, _ in texts(app)] == [1, 2]


def test_import_of_equal_comments_of_one_moment_keeps_their_number(app: Flask, path: Path) -> None:
    with app.app_context():
        make_comment("Hello")
    import_records(app, path, ROOT, *(replace(HELLO, id=number) for number in (5, 6, 7)))
    assert [number for number, _ in texts(app)] == [1, 6, 7]


def test_import_keeps_other_comments_of_the_same_id_and_moment(app: Flask, path: Path) -> None:
    with app.app_context():
        make_comment("Mine")
    import_records(app, path, ROOT, HELLO, replace(HELLO, id=2, revision=3))
    assert texts(app) == [(1, "Mine"), (2, "Hello"), (3, "Hello")]


def test_import_leaves_what_was_edited_here(app: Flask, path: Path) -> None:
    with app.app_context():
        make_comments(1)
    import_records(app, path, ROOT, MARKED)
    with app.app_context():
        operations.edit_comment(EditDraft("Newer", 1), 2, window_minutes=EVER)
    assert "0 comments were imported" in import_records(app, path, ROOT, MARKED)
    assert texts(app)[1:] == [(2, "Newer")]


def test_import_leaves_what_was_deleted_here(app: Flask, path: Path) -> None:
    import_records(app, path, ROOT, MARKED, reply(2, 1))
    with app.app_context():
        operations.delete_comment(1, window_minutes=EVER)
    assert "0 comments were imported" in import_records(app, path, ROOT, MARKED, reply(2, 1))
    assert texts(app) == [(1, None), (2, "comment 2")]


def test_import_of_a_newer_state_leaves_what_is_here(app: Flask, path: Path) -> None:
    import_records(app, path, ROOT, MARKED)
    newer = replace(MARKED, content="Newer", revision=2, edited=MOMENT)
    gone = replace(HELLO, content=None, revision=3, deleted=MOMENT)
    for later in (newer, gone):
        assert "0 comments were imported" in import_records(app, path, ROOT, later)
    assert texts(app) == [(1, "Hello")]


def test_import_keeps_a_placeholder_out_of_the_count(app: Flask, path: Path) -> None:
    gone = comment(1, deleted=MOMENT, revision=2)
    import_records(app, path, ROOT, replace(gone, content=None), reply(2, 1))
    with app.app_context():
        assert (the_thread().comment_count, the_comment(1).reply_count) == (1, 1)
        assert "Deleted" in (the_comment(1).head_html or "")


def test_import_of_earlier_versions_adds_each_once(app: Flask, path: Path) -> None:
    edited = replace(HELLO, revision=3, edited=MOMENT)
    versions = [Version(1, revision, f"text {revision}", MOMENT) for revision in (1, 2)]
    import_records(app, path, ROOT, edited, versions[0])
    import_records(app, path, ROOT, edited, *versions)
    with app.app_context():
        rows = db.session.scalars(select(CommentVersion).order_by(CommentVersion.id)).all()
        assert [(row.comment_id, row.revision, row.content) for row in rows] == [(1, 1, "text 1"), (1, 2, "text 2")]


def test_import_closes_threads_that_have_no_comments(app: Flask, path: Path) -> None:
    with app.app_context():
        make_comments(1, thread="/open")
    import_records(app, path, *(Thread(key, MOMENT) for key in ("/", "/open", "/new")))
    with app.app_context():
        assert [the_thread(key).closed for key in ("/", "/open", "/new")] == [MOMENT, None, MOMENT]


def test_import_tells_threads_apart_by_case_and_accents(app: Flask, path: Path) -> None:
    keys = ["/a", "/A", "/ä", "/😀", "/😁"]
    records = [comment(n + 1, thread=key) for n, key in enumerate(keys)]
    import_records(app, path, *(Thread(key, None) for key in keys), *records)
    with app.app_context():
        assert [the_thread(key).comment_count for key in keys] == [1] * 5


def test_import_of_broken_lines_imports_nothing(app: Flask, path: Path) -> None:
    path.write_bytes(whole([ROOT, HELLO, b"{\n", reply(2, 9)]))
    output = run(app.test_cli_runner(), "import", str(path), status=1)
    assert "line 4: this is no JSON" in output
    assert "line 5: its parent 9 does not come before it" in output
    assert "2 lines are broken, so nothing was imported" in output
    assert texts(app) == []


def test_import_skips_broken_lines_and_keeps_the_rest(app: Flask, path: Path) -> None:
    output = import_records(app, path, ROOT, HELLO, b"{\n", reply(2, 9), comment(3), options=["--skip-broken"])
    assert "line 4: this is no JSON" in output
    assert [number for number, _ in texts(app)] == [1, 3]


def test_import_of_a_cut_file_imports_nothing_unless_told(app: Flask, path: Path) -> None:
    path.write_bytes(whole([ROOT, HELLO]).rpartition(b'{"kind":"footer"')[0])
    assert "line 4: the file ends without a footer" in run(app.test_cli_runner(), "import", str(path), status=1)
    assert texts(app) == []
    run(app.test_cli_runner(), "import", str(path), "--skip-broken")
    assert texts(app) == [(1, "Hello")]


def test_import_of_a_file_that_changes_meanwhile_says_so(app: Flask, path: Path, monkeypatch: Any) -> None:
    def change(*given: Any) -> tuple[int, int]:
        found = looked_through(*given)
        path.write_bytes(whole([ROOT, HELLO, b"{\n"]))
        return found

    looked_through = commands._looked_through
    monkeypatch.setattr(commands, "_looked_through", change)
    path.write_bytes(whole([ROOT, HELLO]))
    assert "line 4: the file was changed" in run(app.test_cli_runner(), "import", str(path), status=1)


def test_import_of_something_else_is_refused(app: Flask, path: Path) -> None:
    path.write_text("hello\n")
    output = run(app.test_cli_runner(), "import", str(path), "--skip-broken", status=1)
    assert "line 1: this is no export of commentsite" in output


def test_import_refuses_another_schema(empty_database: URL, make_app: Callable[..., Flask], path: Path) -> None:
    path.write_bytes(whole([ROOT]))
    output = run(make_app(empty_database).test_cli_runner(), "import", str(path), status=1)
    assert "db upgrade" in output


@pytest.fixture
def die_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A function that has an import die after some more transactions, or with -1 go on."""
    tried, left = transfer._tried, [-1]

    def dies(work: transfer.Work) -> int:
        left[0] -= 1
        if left[0] == -1:
            raise KeyboardInterrupt
        return tried(work)

    monkeypatch.setattr(transfer, "_tried", dies)
    return lambda count: left.__setitem__(0, count)


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("after", range(5))
def test_import_that_was_killed_is_completed(
    app: Flask, path: Path, after: int, die_after: Callable[[int], None]
) -> None:
    edited, version = replace(reply(5, 4), revision=2), Version(5, 1, "older", MOMENT)
    records = ROOT, comment(1), comment(2), comment(3), reply(4, 1), edited, version
    with app.app_context():
        make_comment("ours")
    path.write_bytes(whole(records))
    die_after(after)
    assert app.test_cli_runner().invoke(args=["import", str(path)]).exit_code == 1
    die_after(-1)
    import_records(app, path, *records)
    assert sorted(text or "" for _, text in texts(app)) == [*(f"comment {n}" for n in range(1, 6)), "ours"]
    with app.app_context():
        assert db.session.scalars(select(CommentVersion.content)).all() == ["older"]


def test_import_while_others_post_keeps_both(app: Flask, path: Path, monkeypatch: Any) -> None:
    planned = transfer._html

    def post_meanwhile(row: Comment) -> dict[str, str | None]:
        monkeypatch.setattr(transfer, "_html", planned)
        operations.post_comment(CommentDraft("Me first"), thread_key="/", sender="s", secret="s")
        return planned(row)

    monkeypatch.setattr(transfer, "_html", post_meanwhile)
    import_records(app, path, ROOT, comment(1), comment(2))
    assert [text for _, text in texts(app)] == ["Me first", "comment 2", "comment 1"]


@pytest.mark.usefixtures("small_batches")
def test_import_says_that_a_parent_was_deleted_meanwhile(app: Flask, path: Path, monkeypatch: Any) -> None:
    def delete_meanwhile(row: Comment) -> dict[str, str | None]:
        if row.id == 3:
            operations.delete_comment(1, window_minutes=EVER)
        return made(row)

    made = transfer._html
    monkeypatch.setattr(transfer, "_html", delete_meanwhile)
    records = ROOT, comment(1), comment(2), reply(3, 1)
    path.write_bytes(whole(records))
    assert "Comment 1 was deleted here" in run(app.test_cli_runner(), "import", str(path), status=1)
    monkeypatch.undo()
    assert "2 comments were imported" in import_records(app, path, *records)


def test_import_is_seen_on_a_page_that_was_kept(app: Flask, client: FlaskClient, path: Path) -> None:
    before = client.get("/")
    import_records(app, path, ROOT, comment(1, "Imported"))
    after = client.get("/", headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert "Imported" in after.text


def test_posts_go_on_after_an_import(app: Flask, path: Path) -> None:
    import_records(app, path, ROOT, comment(1000))
    with app.app_context():
        assert operations.post_comment(CommentDraft("Hi"), thread_key="/", sender="s", secret="s").id > 1000


def test_export_of_an_import_is_the_same(app: Flask, path: Path) -> None:
    records = ROOT, Thread("/b", MOMENT), comment(3), reply(5, 3), comment(6, thread="/b")
    import_records(app, path, *records)
    assert body(app, path) == b"".join(whole(records).splitlines(keepends=True)[1:-1])


def test_import_finds_what_is_here_by_an_index(app: Flask) -> None:
    with app.app_context():
        make_comments(100)
        asked: list[tuple[str, Any]] = []
        event.listen(
            db.engine, "before_cursor_execute", lambda _1, _2, sql, values, _3, _4: asked.append((sql, values))
        )
        queries.alike([comment(number) for number in range(20)], {"/": 1})
        explain = "EXPLAIN QUERY PLAN" if db.engine.dialect.name == "sqlite" else "EXPLAIN"
        plan = db.session.connection().exec_driver_sql(f"{explain} {asked[-1][0]}", asked[-1][1]).all()
    assert len(plan) == 1
    assert "ix_comments_thread_id_posted_id" in str(plan)
    assert "SCAN" not in str(plan)
