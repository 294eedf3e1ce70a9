"""Any order of posts, replies, edits and deletes: every reply stays within reach, and the counts stay true."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import unescape
from typing import Any, ClassVar

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, func, select

from commentsite import keyset
from commentsite.comments import conversation, operations, policy, urls
from commentsite.comments.forms import CommentDraft, EditDraft
from commentsite.comments.models import Comment, CommentVersion, Thread
from commentsite.db import db
from commentsite.errors import InvalidInput, NotFound
from tests.factories import MOMENT

from .pages import link, shown_ids

EVER = 10**8
KEYS = ["/", "/other"]
VERSIONS = itertools.count(1, 1000)
PLACES = st.integers(0, 10**6)


@dataclass
class Row:
    """What the model knows of a comment."""

    thread: str
    parent: int | None
    posted: datetime
    content: str
    is_deleted: bool = False


class Conversations(RuleBasedStateMachine):
    """Does to a site what visitors do, and to a model what ought to come of it."""

    app: ClassVar[Flask]

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[int, Row] = {}
        self.gone: set[int] = set()
        self.now = MOMENT

    @initialize()
    def begin(self) -> None:
        with self.app.app_context():
            for table in (Comment, CommentVersion, Thread):
                db.session.execute(delete(table))
            # A version that was never there: pages are kept by it.
            db.session.add(Thread(id=1, key="/", comment_count=0, version=next(VERSIONS), latest=None))
            db.session.commit()

    def pick(self, place: int) -> int:
        living = sorted(self.rows)
        return living[place % len(living)]

    def post(self, thread: str, content: str, parent: int | None) -> int:
        draft = CommentDraft(content, parent_id=parent)
        with self.app.app_context():
            return operations.post_comment(draft, thread_key=thread, sender="s", secret="s").id

    def latest(self, thread: str) -> datetime | None:
        return max(
            (row.posted for row in self.rows.values() if row.thread == thread and not row.is_deleted), default=None
        )

    def moment(self, thread: str) -> datetime:
        """Return when a comment is posted now: after the newest, also where the clock was set back or stands still."""
        latest = self.latest(thread)
        return self.now if latest is None else max(self.now, latest + timedelta(microseconds=1))

    @rule(thread=st.sampled_from(KEYS), seconds=st.sampled_from([0, 1, -1, 60]))
    def comment(self, thread: str, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        content = f"comment {len(self.rows) + len(self.gone)}"
        posted = self.moment(thread)
        number = self.post(thread, content, None)
        assert number not in self.rows.keys() | self.gone
        self.rows[number] = Row(thread, None, posted, content)

    @precondition(lambda self: bool(self.rows))
    @rule(place=PLACES, seconds=st.sampled_from([0, 1, -1]))
    def reply(self, place: int, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        parent = self.rows[number := self.pick(place)]
        content = f"reply {len(self.rows) + len(self.gone)}"
        if parent.is_deleted:
            with pytest.raises(InvalidInput):
                self.post(parent.thread, content, number)
        else:
            posted = self.moment(parent.thread)
            self.rows[self.post(parent.thread, content, number)] = Row(parent.thread, number, posted, content)

    @precondition(lambda self: bool(self.rows))
    @rule(place=PLACES)
    def edit(self, place: int) -> None:
        row = self.rows[number := self.pick(place)]
        with self.app.app_context():
            if row.is_deleted:
                with pytest.raises(NotFound):
                    operations.edit_comment(EditDraft("late", 1), number, window_minutes=EVER)
            else:
                row.content += "!"
                revision = db.session.get_one(Comment, number).revision
                operations.edit_comment(EditDraft(row.content, revision), number, window_minutes=EVER)

    @precondition(lambda self: bool(self.rows))
    @rule(place=PLACES)
    def delete(self, place: int) -> None:
        number: int | None = self.pick(place)
        row = self.rows[number]  # type: ignore[index]
        with self.app.app_context():
            if row.is_deleted:
                with pytest.raises(NotFound):
                    operations.delete_comment(number, window_minutes=EVER)  # type: ignore[arg-type]
                return
            operations.delete_comment(number, window_minutes=EVER)  # type: ignore[arg-type]
        row.is_deleted = True
        while number is not None and self.rows[number].is_deleted and not self.children(number):
            self.gone.add(number)
            number = self.rows.pop(number).parent

    def children(self, number: int) -> list[int]:
        return [each for each, row in self.rows.items() if row.parent == number]

    def below(self, number: int) -> list[int]:
        return [each for child in self.children(number) for each in (child, *self.below(child))]

    @invariant()
    def rows_are_those_of_the_model(self) -> None:
        with self.app.app_context():
            found = {comment.id: comment for comment in db.session.scalars(select(Comment))}
            assert found.keys() == self.rows.keys()
            for number, row in self.rows.items():
                assert found[number].parent_id == row.parent
                assert found[number].content == (None if row.is_deleted else row.content)
                assert found[number].reply_count == (0 if row.parent else len(self.below(number)))
            versions = db.session.scalar(select(func.count()).select_from(CommentVersion))
            assert versions == sum(row.content.count("!") for row in self.rows.values() if not row.is_deleted)

    @invariant()
    def counts_are_true(self) -> None:
        with self.app.app_context():
            for thread in db.session.scalars(select(Thread)):
                living = [row for row in self.rows.values() if row.thread == thread.key and not row.is_deleted]
                assert (thread.comment_count, thread.latest) == (len(living), self.latest(thread.key))

    @invariant()
    def placeholders_have_somebody_living_below(self) -> None:
        for number, row in self.rows.items():
            assert not row.is_deleted or any(not self.rows[each].is_deleted for each in self.below(number))

    def teardown(self) -> None:
        """Walk through all pages at the end: it takes longer than all else. Which order, and whose links, varies."""
        client = self.app.test_client()
        for place, key in enumerate(KEYS):
            of_thread = [number for number, row in self.rows.items() if row.thread == key]
            order = ("newest", "oldest")[(len(self.rows) + place) % 2]
            shown = self.walk(client, f"/?order={order}" if key == "/" else f"/threads{key}?order={order}")
            assert sorted(shown) == sorted(of_thread)
            for number in of_thread[:: len(of_thread) // 2 or 1]:
                location = client.get(f"/comments/{number}?order={order}").location
                assert number in shown_ids(client.get(location).text)

    def walk(self, client: Any, address: str | None) -> list[int]:
        """Return what is seen by following each link to older ones and to more replies."""
        seen = []
        while address:
            page = client.get(address).text
            seen += shown_ids(page)
            for more in re.findall(r'<p class="more"><a href="([^"]+)">(\d+) more', page):
                rest: list[int] = []
                following: str | None = unescape(more[0])
                while following:
                    replies = client.get(following).text
                    rest += shown_ids(replies)[1:]
                    following = link(replies, "next")
                assert len(rest) == int(more[1])
                seen += rest
            address = link(page, "next")
        return seen


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have pages end after a few comments, so that few make many pages."""
    for module in (keyset, conversation, urls):
        monkeypatch.setattr(module, "PAGE_SIZE", 4)
    for name, value in (("REPLIES_A_PAGE", 6), ("FEWEST_REPLIES", 1), ("MOST_REPLIES", 3)):
        monkeypatch.setattr(policy, name, value)


@pytest.mark.usefixtures("small_pages")
def test_any_order_of_changes_keeps_the_tree(app: Flask, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Machine(Conversations):
        def __init__(self) -> None:
            self.app = app  # type: ignore[misc]
            super().__init__()
            monkeypatch.setattr(operations, "utc_now", lambda: self.now)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=60 if backend == "sqlite" else 8,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
