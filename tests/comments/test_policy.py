"""Decisions from plain values."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commentsite.comments.models import PATH_STEP_CHARS, PATH_STEPS
from commentsite.comments.policy import (
    DOUBLE_POST_MINUTES,
    MAX_ID,
    comment_id,
    depth,
    mark,
    may_edit,
    path_below,
    post_keys,
    replies_shown,
    thread_key,
)

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=timezone.utc)
OTHER_POSTS = [
    ("K", ("s", "/", "t")),
    ("k", ("S", "/", "t")),
    ("k", ("s", "/a", "t")),
    ("k", ("s", "/", "T")),
    ("k", ("s/", "", "t")),
    ("k", ("s", "/t", "")),
    ("k", ("s", "/", "t", "")),
]
WINDOW = timedelta(minutes=DOUBLE_POST_MINUTES)


def test_post_keys_share_one_within_the_window_at_every_moment() -> None:
    for minutes in range(45):
        first = NOW + timedelta(minutes=minutes)
        for later in (timedelta(0), timedelta(seconds=1), WINDOW / 2, WINDOW - timedelta(microseconds=1)):
            one, other = post_keys("k", ("s", "/", "t"), first), post_keys("k", ("s", "/", "t"), first + later)
            assert one[0] == other[0] or one[1] == other[1]


def test_post_keys_share_none_after_two_windows() -> None:
    assert not set(post_keys("k", ("s", "/", "t"), NOW)) & set(post_keys("k", ("s", "/", "t"), NOW + 2 * WINDOW))


@pytest.mark.parametrize("other", OTHER_POSTS)
def test_post_keys_tell_apart_what_is_another_post(other: tuple[str, tuple[str, ...]]) -> None:
    assert not set(post_keys("k", ("s", "/", "t"), NOW)) & set(post_keys(*other, NOW))


def test_post_keys_are_two_of_fixed_length() -> None:
    plain, shifted = post_keys("k", ("s\ud800", "/", "t" * 4096), NOW)
    assert plain != shifted
    assert len(plain) == len(shifted) == 32


def test_comment_id_takes_the_largest() -> None:
    assert comment_id(str(MAX_ID)) == MAX_ID
    assert comment_id(str(MAX_ID + 1)) is None


@pytest.mark.parametrize("text", ["", "0", "-1", "+1", "1_0", "01", " 1", "1\n", "٣", "1.0"])
def test_comment_id_takes_one_form_only(text: str) -> None:
    assert comment_id(text) is None


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("", "/"),
        ("/", "/"),
        (" / ", "/"),
        ("blog/post", "/blog/post"),
        ("//blog///post/", "/blog/post"),
        ("Blog", "/Blog"),
        ("caf\u0065\u0301", "/caf\u00e9"),
        ("a b ", "/a b"),
        ("a /", "/a"),
        ("...", "/..."),
        ("👩‍👩‍👧", "/👩‍👩‍👧"),
        ("é" * 499, "/" + "é" * 499),
    ],
)
def test_thread_key_has_one_form(path: str, key: str) -> None:
    assert thread_key(path) == key
    assert thread_key(key) == key


@pytest.mark.parametrize(
    "path", ["..", "a/../b", "./a", "a/.", "a\x00", "a\nb", "a\tb", "\ud800", "x" * 500, "/" * 2000]
)
def test_thread_key_of_what_is_no_page(path: str) -> None:
    assert thread_key(path) is None


@pytest.mark.parametrize("path", ["a/.. /", "a/..\u00a0/", "/ ../", ". /"])
def test_thread_key_of_dots_beside_blanks_is_none(path: str) -> None:
    assert thread_key(path) is None


@given(st.text(st.sampled_from("/ .aé\u0301\u00a0\x1f\\%"), max_size=12))
@settings(derandomize=True, deadline=None, database=None)
def test_thread_key_leads_back_to_itself(path: str) -> None:
    key = thread_key(path)
    assert key is None or key == thread_key(key) == thread_key(key[1:])


@pytest.mark.parametrize(("branches", "shown"), [(0, 50), (1, 50), (2, 50), (3, 33), (10, 10), (50, 5)])
def test_replies_shown_are_about_a_hundred_a_page(branches: int, shown: int) -> None:
    assert replies_shown(branches) == shown


def test_path_sorts_a_reply_below_what_it_replies_to() -> None:
    first, second = path_below(None, 2), path_below(None, 36**3)
    assert sorted([second, path_below(first, 10**9), first]) == [first, path_below(first, 10**9), second]


def test_path_of_a_deep_reply_is_no_longer_than_its_column() -> None:
    path: str | None = None
    seen = []
    for number in range(1, 20):
        path = path_below(path, number)
        seen.append(path)
    assert seen == sorted(seen)
    assert len(seen[-1]) == PATH_STEPS * PATH_STEP_CHARS
    assert depth(seen[-1]) == PATH_STEPS


def test_path_takes_the_largest_id_of_the_table() -> None:
    assert len(path_below(None, 2**31 - 1)) == PATH_STEP_CHARS


@pytest.mark.parametrize(("minutes", "answer"), [(-60, True), (0, True), (14.99, True), (15, False)])
def test_edit_window_is_of_so_many_minutes(minutes: float, answer: bool) -> None:
    assert may_edit(NOW, NOW + timedelta(minutes=minutes), 15) is answer


def test_edit_window_of_none_is_over_at_once() -> None:
    assert not may_edit(NOW, NOW, 0)


def test_mark_is_the_same_for_one_address_however_written() -> None:
    one = mark("k", sender="a", email="Ada@example.org")
    assert one == mark("k", sender="b", email="ada@EXAMPLE.org")
    assert len(one) == 16


@pytest.mark.parametrize(
    "other", [("K", "a", "x@y.example"), ("k", "a", None), ("k", "a", "z@y.example"), ("k", "email x@y.example", None)]
)
def test_mark_tells_writers_apart(other: tuple[str, str, str | None]) -> None:
    secret, sender, email = other
    assert mark("k", sender="a", email="x@y.example") != mark(secret, sender=sender, email=email)
