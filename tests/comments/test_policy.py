"""Decisions from plain values."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from commentsite.comments.policy import DOUBLE_POST_MINUTES, MAX_ID, comment_id, post_keys, thread_key

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=timezone.utc)
OTHER_POSTS = [
    ("K", "s", "/", "t"),
    ("k", "S", "/", "t"),
    ("k", "s", "/a", "t"),
    ("k", "s", "/", "T"),
    ("k", "s/", "", "t"),
    ("k", "s", "/t", ""),
]
WINDOW = timedelta(minutes=DOUBLE_POST_MINUTES)


def test_post_keys_share_one_within_the_window_at_every_moment() -> None:
    for minutes in range(45):
        first = NOW + timedelta(minutes=minutes)
        for later in (timedelta(0), timedelta(seconds=1), WINDOW / 2, WINDOW - timedelta(microseconds=1)):
            one, other = post_keys("k", "s", "/", "t", first), post_keys("k", "s", "/", "t", first + later)
            assert one[0] == other[0] or one[1] == other[1]


def test_post_keys_share_none_after_two_windows() -> None:
    assert not set(post_keys("k", "s", "/", "t", NOW)) & set(post_keys("k", "s", "/", "t", NOW + 2 * WINDOW))


@pytest.mark.parametrize("other", OTHER_POSTS)
def test_post_keys_tell_apart_what_is_another_post(other: tuple[str, str, str, str]) -> None:
    assert not set(post_keys("k", "s", "/", "t", NOW)) & set(post_keys(*other, NOW))


def test_post_keys_are_two_of_fixed_length() -> None:
    plain, shifted = post_keys("k", "s\ud800", "/", "t" * 4096, NOW)
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
