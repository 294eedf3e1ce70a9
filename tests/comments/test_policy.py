"""Decisions from plain values."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from commentsite.comments.policy import DOUBLE_POST_MINUTES, MAX_ID, comment_id, post_keys

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=timezone.utc)
WINDOW = timedelta(minutes=DOUBLE_POST_MINUTES)


def test_post_keys_share_one_within_the_window_at_every_moment() -> None:
    for minutes in range(45):
        first = NOW + timedelta(minutes=minutes)
        for later in (timedelta(0), timedelta(seconds=1), WINDOW / 2, WINDOW - timedelta(microseconds=1)):
            one, other = post_keys("k", "s", "t", first), post_keys("k", "s", "t", first + later)
            assert one[0] == other[0] or one[1] == other[1]


def test_post_keys_share_none_after_two_windows() -> None:
    assert not set(post_keys("k", "s", "t", NOW)) & set(post_keys("k", "s", "t", NOW + 2 * WINDOW))


@pytest.mark.parametrize("other", [("K", "s", "t"), ("k", "S", "t"), ("k", "s", "T"), ("k", "st", ""), ("k", "", "st")])
def test_post_keys_tell_secret_sender_and_text_apart(other: tuple[str, str, str]) -> None:
    assert not set(post_keys("k", "s", "t", NOW)) & set(post_keys(*other, NOW))


def test_post_keys_are_two_of_fixed_length() -> None:
    plain, shifted = post_keys("k", "s\ud800", "t" * 4096, NOW)
    assert plain != shifted
    assert len(plain) == len(shifted) == 32


def test_comment_id_takes_the_largest() -> None:
    assert comment_id(str(MAX_ID)) == MAX_ID
    assert comment_id(str(MAX_ID + 1)) is None


@pytest.mark.parametrize("text", ["", "0", "-1", "+1", "1_0", "01", " 1", "1\n", "٣", "1.0"])
def test_comment_id_takes_one_form_only(text: str) -> None:
    assert comment_id(text) is None
