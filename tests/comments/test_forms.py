"""The shape of a comment's text."""

from __future__ import annotations

import pytest

from commentsite.comments.forms import comment_draft
from commentsite.errors import InvalidInput


@pytest.mark.parametrize("text", ["x", "a\tb", " two  blanks ", "👩‍👩‍👧", "\n\nlate", "اَلْعَرَبِيَّة", "�", "x" * 4096])
def test_draft_keeps_text_as_typed(text: str) -> None:
    assert comment_draft({"content": text}).content == text


def test_draft_writes_line_breaks_one_way() -> None:
    assert comment_draft({"content": "a\r\nb\rc\nd"}).content == "a\nb\nc\nd"


@pytest.mark.parametrize("value", [["x"], {"x": 1}, 1, True, b"x", float("nan")])
def test_draft_refuses_what_is_not_text(value: object) -> None:
    with pytest.raises(InvalidInput, match="must be text"):
        comment_draft({"content": value})


def test_draft_refuses_a_missing_field() -> None:
    with pytest.raises(InvalidInput, match="is missing"):
        comment_draft({})


@pytest.mark.parametrize("text", ["", " ", "\n", "\u00a0\u2003", "\u200b\u200d\ufeff", "\u202e", "\u3164", "\u034f"])
def test_draft_refuses_what_nobody_can_see(text: str) -> None:
    with pytest.raises(InvalidInput, match="nothing to see"):
        comment_draft({"content": text})


@pytest.mark.parametrize("text", ["a\x00", "a\x08", "a\x0b", "a\x9f", "a\ud800", "a\ufffe"])
def test_draft_refuses_what_no_page_can_carry(text: str) -> None:
    with pytest.raises(InvalidInput, match="control characters"):
        comment_draft({"content": text})


def test_draft_refuses_one_character_too_many() -> None:
    with pytest.raises(InvalidInput, match="4,097 characters"):
        comment_draft({"content": "é" * 4097})
